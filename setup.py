"""Lists the packages under the three top-level folders; all else stands in pyproject.toml."""

from setuptools import find_packages, setup

packages = []
for folder in ("envs", "agents", "experiments"):
    packages.append(f"undertow.{folder}")
    packages += [f"undertow.{folder}.{name}" for name in find_packages(folder)]

setup(packages=packages)
