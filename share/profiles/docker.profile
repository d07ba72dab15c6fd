# Pulling from Docker Hub, and Docker Desktop. The registry sends every client to another host for the
# layers themselves; where that is refused, pulls begin and then fail. 401 is the registry's first
# answer to everybody.
title "Docker Hub and Docker Desktop";
date 2026-11-23;
source https://docs.docker.com/desktop/setup/allow-list/;

target https://registry-1.docker.io/v2/ { for "pull and push"; status 200 401; }
target https://auth.docker.io/ { for "authentication"; }
target https://production.cloudflare.docker.com/ { for "layers"; }
target https://docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com/ { for "layers, without an account"; }
target https://hub.docker.com/ { for "Docker Hub"; }
target https://login.docker.com/ { for "authentication"; }
target https://auth.docker.com/ { for "authentication"; }
target https://cdn.auth0.com/ { for "authentication"; }
target https://desktop.docker.com/ { for "updates of Docker Desktop"; }
target https://api.docker.com/ { for "the interface for programs"; }
allow dhi.io 443 { for "Docker Hardened Images"; }
allow api.dso.docker.com 443 { for "Docker Scout"; }
allow registry.scout.docker.com 443 { for "Docker Scout"; }
allow notify.bugsnag.com 443 { for "error reports"; }
allow sessions.bugsnag.com 443 { for "error reports"; }
allow docker-pinata-support.s3.amazonaws.com 443 { for "troubleshooting"; }
