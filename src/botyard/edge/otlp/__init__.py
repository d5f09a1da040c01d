"""Logs by OpenTelemetry's own protocol, so that a service that speaks it needs no new code.

Source: the OpenTelemetry Protocol specification 1.10.0, sections "OTLP/HTTP" and "JSON Protobuf Encoding", and the
messages of the package `opentelemetry-proto` 1.45 (read in November 2026).
"""

from botyard.edge.otlp.receiver import BELOW, PATH, POLICY, create, router

__all__ = ["BELOW", "PATH", "POLICY", "create", "router"]
