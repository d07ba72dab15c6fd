# What npm asks for as it comes: one host for everything. The second target is a package itself, which
# inspection is more apt to hold up than the list of them.
title "npm";
date 2026-11-23;
source https://docs.npmjs.com/cli/v11/using-npm/registry;
source https://docs.npmjs.com/cli/v11/using-npm/config;

target https://registry.npmjs.org/-/ping { for "the registry"; status 200; }
target https://registry.npmjs.org/abbrev/-/abbrev-1.1.1.tgz { for "a package"; status 200; }
allow npm.pkg.github.com 443 { for "packages that are kept at GitHub"; }
allow nodejs.org 443 { for "headers, for packages that are compiled"; }
