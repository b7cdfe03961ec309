"""Scripts for the secodadk package: the real package beside ours, loading, manifests, checks, archives."""
