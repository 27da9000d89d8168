"""Maps the root folders to packages under one import name, `practicum`."""

from setuptools import find_packages, setup

FOLDERS = ["envs", "memory", "skills", "training", "mcp_server"]

setup(
    packages=["practicum"] + [f"practicum.{p}" for p in find_packages(include=[f"{f}*" for f in FOLDERS])],
    package_dir={"practicum": "practicum"} | {f"practicum.{f}": f for f in FOLDERS},
)
