# Cloning, releases, packages, and runners of one's own. What a runner loads stands below
# *.actions.githubusercontent.com and in storage accounts whose names change.
title "GitHub, and self-hosted runners";
date 2026-11-23;
source https://docs.github.com/en/actions/reference/runners/self-hosted-runners;
source https://api.github.com/meta;

target https://github.com/ { for "git over https, and the pages"; }
target https://api.github.com/ { for "the interface for programs; registers runners"; }
target https://codeload.github.com/ { for "archives, and actions"; }
target https://raw.githubusercontent.com/ { for "single files"; }
target https://objects.githubusercontent.com/ { for "releases, and updates of runners"; }
target https://release-assets.githubusercontent.com/ { for "releases"; }
target https://github-cloud.githubusercontent.com/ { for "large files (LFS)"; }
target https://ghcr.io/v2/ { for "containers, and immutable actions"; status 200 401; }
target https://pkg.actions.githubusercontent.com/ { for "immutable actions"; }
target https://results-receiver.actions.githubusercontent.com/ { for "results and caches of jobs"; }
allow *.actions.githubusercontent.com 443 { for "jobs of runners"; }
allow *.blob.core.windows.net 443 { for "logs, results and caches of jobs"; }
allow *.pkg.github.com 443 { for "packages"; }
