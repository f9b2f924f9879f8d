"""Write plugins for Cordboard in Python.

A plugin is of one world, and each world has a module: `cordboard.flow` (a conversation), `cordboard.scorer` (who suits whom),
`cordboard.crm` (who is this person), `cordboard.dialer` (whom to call now), `cordboard.inspector` (what is remarkable in a
talk). `cordboard.config` reads what the operator set, `cordboard.log` writes to the plugin's log, `cordboard.http` sends
requests where the world may.

`cordboard plugin new --world flow --lang python NAME` begins a plugin with a working example.
"""
