"""The control plane: authoring, segments and the commands of the rule authors and publishers."""
