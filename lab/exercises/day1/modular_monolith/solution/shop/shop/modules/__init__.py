"""The modules. Each shows its `api` to the others, and nothing else."""
