# What pip asks for as it comes: the index, and another host for the files.
title "Python packages (PyPI)";
date 2026-11-23;
source https://docs.pypi.org/api/index-api/;
source https://pip.pypa.io/en/stable/cli/pip_install/;

target https://pypi.org/simple/pip/ { for "the index"; status 200; }
target https://files.pythonhosted.org/ { for "the files"; }
