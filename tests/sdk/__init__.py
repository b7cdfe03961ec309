"""Tests of the SDK: what an author of an integration relies on."""
