"""Networks outside torch: ONNX files with head, controller and state, and the fast engine for the head in control.

Both need the extra ``liquid-pilot[fast]`` (onnx, onnxruntime). `liquid_pilot.deploy.export` writes and checks files,
`liquid_pilot.deploy.engine` is what policies look through. docs/deployment.md is for those who use the files.
"""
