# What a Cisco Secure Firewall Management Center must reach. Which of these it uses depends on its
# licences and on its region (the hosts with eu and apjc in their names): take out what is not yours.
# The appliance trusts the authorities that it came with, and an inspection's own is not among them. With
# smart licensing the proxy's name may have at most 64 characters. Proxies that offer nothing but NTLM
# are not supported.
title "Cisco Secure Firewall Management Center 7.x";
date 2026-11-23;
source "Cisco: Troubleshoot Proxy on Secure Firewall Management Center (FMC 7.4)";
source https://www.cisco.com/c/en/us/td/docs/security/secure-firewall/management-center/admin/760/management-center-admin-76/reference-ports.html;
source https://edge.us.cdo.cisco.com/content/docs/c_internet_access_requirements.html;
source https://www.cisco.com/c/en/us/support/docs/security/firepower-management-center/215838-fmc-and-ftd-smart-license-registration-a.html;

target https://tools.cisco.com/ { for "smart licensing (call home), and the article's own test"; pinned; }
target https://smartreceiver.cisco.com/ { for "smart licensing (smart transport)"; pinned; }

target https://support.sourcefire.com/ { for "software, rule and vulnerability database updates"; pinned; }
target https://updates.vrt.sourcefire.com/ { for "signatures for local malware analysis"; pinned; }
target https://amp.updates.vrt.sourcefire.com/ { for "signatures for local malware analysis"; pinned; }
target https://intelligence.sourcefire.com/ { for "security intelligence feeds"; pinned; }

target https://cloud-sa.amp.cisco.com/ { for "malware cloud look-ups"; pinned; }
allow cloud-sa.eu.amp.cisco.com 443 { for "malware cloud look-ups, Europe"; pinned; }
allow cloud-sa.apjc.amp.cisco.com 443 { for "malware cloud look-ups, Asia and Pacific"; pinned; }
target https://fmc.api.threatgrid.com/ { for "dynamic analysis of files"; pinned; }
allow api.amp.cisco.com 443 { for "events of Secure Endpoint"; pinned; }
