# Windows Update, and WSUS that asks Microsoft. Most names are given with a *; what is asked for here
# are those that are hosts by themselves. Metadata is TLS with Microsoft's own authorities, which the
# client insists on: inspection breaks it. Downloads are plain HTTP in ranges, and signed: a proxy that
# scans must pass ranges on.
title "Windows Update and WSUS";
date 2026-11-23;
source https://learn.microsoft.com/en-us/windows-server/administration/windows-server-update-services/deploy/2-configure-wsus;
source https://learn.microsoft.com/en-us/windows/deployment/update/windows-update-security;

target https://sls.update.microsoft.com/ { for "finds the services"; pinned; }
target https://fe2.update.microsoft.com/ { for "metadata"; pinned; }
target http://windowsupdate.microsoft.com/ { for "metadata"; }
target http://download.windowsupdate.com/ { for "downloads"; }
target http://dl.delivery.mp.microsoft.com/ { for "downloads"; }
target https://download.microsoft.com/ { for "downloads"; }
target http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/authrootstl.cab { for "the list of trusted authorities"; }
target http://go.microsoft.com/ { for "redirects"; }
allow *.windowsupdate.microsoft.com 443 80 { for "metadata"; pinned; }
allow *.update.microsoft.com 443 80 { for "metadata"; pinned; }
allow *.windowsupdate.com 80 443 { for "downloads"; }
allow *.download.windowsupdate.com 80 443 { for "downloads"; }
allow *.delivery.mp.microsoft.com 80 443 { for "downloads"; }
allow *.dl.delivery.mp.microsoft.com 80 443 { for "downloads"; }
allow wustat.windows.com 80 { for "statistics"; }
allow ntservicepack.microsoft.com 80 { for "service packs"; }
