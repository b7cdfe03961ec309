"""`headwater check`, and `headwater package`: archives of scripts, packages of integrations."""
