"""A load balancer that others wrote, with the configuration that an operator would write for the catalog."""
