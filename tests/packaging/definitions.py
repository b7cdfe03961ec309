"""What a code server loads where it only has to be there."""

from dagster import Definitions

definitions = Definitions()
