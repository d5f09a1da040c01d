"""Language models: asked over HTTP, answered in a closed form, and able to talk only."""
