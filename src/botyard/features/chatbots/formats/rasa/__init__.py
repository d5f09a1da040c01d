"""Projects of Rasa in YAML: training data, domain, rules, stories and flows."""
