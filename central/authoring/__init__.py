"""From an author's directory of YAML to a checked bundle: `central.authoring.load` is the way in."""
