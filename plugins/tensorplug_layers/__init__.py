"""The dispatch layers that come with tensorplug, each its own module, each through an entry point."""
