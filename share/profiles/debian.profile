# What apt on a Debian 12 or 13 asks for as it comes. In plain HTTP: what is loaded is signed.
title "Debian packages";
date 2026-11-23;
source https://deb.debian.org/;
source https://www.debian.org/security/;
source https://www.debian.org/releases/stable/release-notes/upgrading.en.html;

target http://deb.debian.org/debian/dists/stable/InRelease { for "packages"; status 200; }
target http://deb.debian.org/debian-security/dists/stable-security/InRelease { for "security updates"; status 200; }
target http://security.debian.org/debian-security/dists/stable-security/InRelease { for "security updates, by their older name"; status 200; }
target https://deb.debian.org/debian/dists/stable/InRelease { for "packages over TLS"; status 200; }
