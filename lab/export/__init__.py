"""A System written down for containers: a Compose file or Kubernetes manifests, and images of its services."""
