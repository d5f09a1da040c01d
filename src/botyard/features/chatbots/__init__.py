"""Chatbots: datasets, training, versions and deployments, conversations, knowledge, templates, analytics."""
