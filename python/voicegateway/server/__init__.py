"""``python -m voicegateway.server.main``, the entry point of existing container images."""
