"""The proxies that `viaduct proxy` is measured beside: for each the command, with the configuration
that it needs and no more, logs off. What is not installed is left out."""
import os
import resource
import shutil
import subprocess

ORIGIN = 9000           # the port of proxyload's origin
IDLE = 600              # seconds; longer than any run


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class Peer:
    """command() writes the configuration into self.folder: one process tree, in the foreground."""
    program = None      # what has to be installed
    direct = False      # no explicit proxy: a relay to the one origin
    http = True         # measured with GET
    tunnels = True      # ... and with CONNECT

    def __init__(self, folder, port):
        self.folder, self.port = folder, port

    @classmethod
    def is_installed(cls):
        return cls.program is None or shutil.which(cls.program) is not None

    def file(self, name, text):
        return write(os.path.join(self.folder, name), text)


class Squid(Peer):
    program = "squid"

    def command(self):
        shutil.chown(self.folder, "proxy")
        # It asks for the name of every client's address, and where no server answers, the questions
        # pile up in a list that each further one walks. A hosts file keeps that out of it.
        hosts = self.file("hosts", "".join(f"127.0.0.{i} h{i}\n" for i in range(1, 10)))
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return ["squid", "--foreground", "-n", f"b{os.getpid()}", "-f", self.file("squid.conf", f"""
http_port 127.0.0.1:{self.port}
http_access allow all
workers 1
cache deny all
cache_mem 8 MB
access_log none
cache_log {self.folder}/cache.log
cache_store_log none
pid_filename {self.folder}/squid.pid
coredump_dir {self.folder}
max_filedescriptors {files}
via off
forwarded_for delete
shutdown_lifetime 0 seconds
pinger_enable off
netdb_filename none
hosts_file {hosts}
visible_hostname bench
half_closed_clients off
""")]


class Tinyproxy(Peer):
    program = "tinyproxy"

    def command(self):
        return ["tinyproxy", "-d", "-c", self.file("tinyproxy.conf", f"""
Port {self.port}
Listen 127.0.0.1
Timeout {IDLE}
LogFile "{self.folder}/tinyproxy.log"
LogLevel Critical
MaxClients 20000
DisableViaHeader Yes
""")]


class Apache(Peer):
    """By events; but every open CONNECT holds a thread: 12 times 1024 of them at the most."""
    program = "apache2"

    def command(self):
        modules = "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in
                          ("mpm_event", "authz_core", "proxy", "proxy_http", "proxy_connect"))
        return ["apache2", "-DFOREGROUND", "-f", self.file("apache.conf", f"""
ServerRoot {self.folder}
ServerName bench
PidFile {self.folder}/apache.pid
DefaultRuntimeDir {self.folder}
{modules}
User www-data
Group www-data
Listen 127.0.0.1:{self.port}
ListenBacklog 4096
ErrorLog {self.folder}/apache.log
LogLevel crit
ServerLimit 12
ThreadLimit 1024
ThreadsPerChild 1024
StartServers 2
MaxRequestWorkers 12288
MinSpareThreads 256
MaxSpareThreads 12288
MaxConnectionsPerChild 0
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
Timeout {IDLE}
ProxyRequests On
ProxyVia Off
AllowCONNECT 1-65535
<Proxy "*">
  Require all granted
</Proxy>
""")]


class TrafficServer(Peer):
    program = "traffic_server"

    def command(self):
        root = os.path.join(self.folder, "root")
        etc = os.path.join(root, "etc/trafficserver")
        shutil.copytree("/etc/trafficserver", etc)
        for name in ("var/log", "var/run", "var/cache"):
            os.makedirs(os.path.join(root, name))
        os.chmod(self.folder, 0o755)
        write(f"{etc}/storage.config", "")
        write(f"{root}/runroot.yaml", f"""
prefix: {root}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
sysconfdir: {etc}
datadir: {root}/var/cache
includedir: /usr/include
libdir: /usr/lib
libexecdir: /usr/lib/trafficserver/modules
localstatedir: {root}/var/run
runtimedir: {root}/var/run
logdir: {root}/var/log
cachedir: {root}/var/cache
""")
        settings = {
            "http.server_ports": f"STRING {self.port}:ip-in=127.0.0.1",
            "url_remap.remap_required": "INT 0", "reverse_proxy.enabled": "INT 0",
            "http.connect_ports": "STRING *", "http.cache.http": "INT 0",
            "exec_thread.autoconfig": "INT 0", "exec_thread.limit": "INT 1",
            "net.connections_throttle": "INT 19500", "net.max_connections_in": "INT 19500",
            "net.listen_backlog": "INT 4096", "log.logging_enabled": "INT 0",
            "http.insert_request_via_str": "INT 0", "http.insert_response_via_str": "INT 0",
            "http.insert_age_in_response": "INT 0",
            "http.keep_alive_no_activity_timeout_in": f"INT {IDLE}",
            "http.transaction_no_activity_timeout_in": f"INT {IDLE}",
            "http.transaction_no_activity_timeout_out": f"INT {IDLE}",
            "http.server_session_sharing.pool": "STRING thread", "admin.user_id": "STRING #-1",
        }
        write(f"{etc}/records.config",
              "".join(f"CONFIG proxy.config.{k} {v}\n" for k, v in settings.items()))
        return ["traffic_server", f"--run-root={root}/runroot.yaml", "--httpport",
                f"{self.port}:ip-in=127.0.0.1"]


class Nginx(Peer):
    """Since 1.31, by its tunnel module, which Debian 12 does not have: VIADUCT_BENCH_NGINX is its path.
    With the buffers that it comes with, a GiB takes it four times as long."""
    path = os.environ.get("VIADUCT_BENCH_NGINX")

    @classmethod
    def is_installed(cls):
        return cls.path is not None

    def command(self):
        return [self.path, "-p", self.folder, "-e", f"{self.folder}/error.log", "-c",
                self.file("nginx.conf", f"""
daemon off;
master_process off;
pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log crit;
worker_rlimit_nofile {resource.getrlimit(resource.RLIMIT_NOFILE)[0]};
events {{ worker_connections 19500; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout {IDLE}s;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    location / {{
      tunnel_pass;
      tunnel_buffer_size 64k;
      tunnel_read_timeout {IDLE}s;
    }}
    location /bytes/ {{
      proxy_pass http://$http_host$request_uri;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffers 8 64k;
    }}
  }}
}}
""")]


class H2o(Peer):
    """Its CONNECT handler is younger than Debian's 2.2: VIADUCT_BENCH_H2O is the path of a newer one.
    It has no plain forwarding."""
    path = os.environ.get("VIADUCT_BENCH_H2O")
    http = False

    @classmethod
    def is_installed(cls):
        return cls.path is not None

    def command(self):
        return [self.path, "-c", self.file("h2o.conf", f"""
num-threads: 1
max-connections: 19500
http1-request-timeout: {IDLE}
hosts:
  default:
    listen: {{ host: 127.0.0.1, port: {self.port} }}
    paths:
      /:
        proxy.connect: [ "+*" ]
        proxy.timeout.io: {IDLE * 1000}
        proxy.timeout.connect: 10000
""")]


class Haproxy(Peer):
    """It knows no CONNECT: a relay to the one origin, by splice."""
    program, direct, http = "haproxy", True, False
    mode = "mode tcp\n  option splice-auto"

    def command(self):
        return ["haproxy", "-db", "-f", self.file("haproxy.cfg", f"""
global
  maxconn 9100
  maxpipes 256
  nbthread 1
defaults
  {self.mode}
  timeout connect 10s
  timeout client {IDLE}s
  timeout server {IDLE}s
listen relay
  bind 127.0.0.1:{self.port} backlog 4096
  server origin 127.0.0.1:{ORIGIN}
""")]


class HaproxyHttp(Haproxy):
    """As a reverse proxy: the floor of GET."""
    http, tunnels = True, False
    mode = ("mode http\n  option splice-auto\n  option http-keep-alive\n  http-reuse always")


class Floor(Peer):
    http = False

    def command(self):
        return [self.tool, str(self.port), "auto", "1024"]


class Viaduct(Peer):
    """One worker, no log, one rule."""
    more = "log access - none;\nrule allow from 127.0.0.0/8 port 1-65535;\n"

    def command(self):
        return [self.tool, "proxy", "-c", self.file("viaduct.conf", f"""
listen 127.0.0.1:{self.port};
workers 1;
destinations private allow;
timeout idle {IDLE}s;
timeout keepalive {IDLE}s;
{self.more.format(folder=self.folder)}""")]


class ViaductAll(Viaduct):
    """With all that costs: Digest, a list of a million domains, the log as JSON."""
    digest = "bench:a good password"
    domains = 1_000_000
    more = ("log access {folder}/access.log json;\n"
            "auth digest {{ users {folder}/users; }}\n"
            "rule deny to-list {folder}/domains;\n"
            "rule allow from 127.0.0.0/8 port 1-65535;\n")

    def command(self):
        user, _, password = self.digest.partition(":")
        subprocess.run([self.tool, "proxy", "user", "add", user, "-f", f"{self.folder}/users"],
                       input=password + "\n", text=True, check=True, stdout=subprocess.DEVNULL)
        with open(f"{self.folder}/domains", "w", encoding="ascii") as file:
            file.writelines(f"host{i}.example{i % 977}.test\n" for i in range(self.domains))
        return super().command()


PEERS = {
    "floor": Floor, "viaduct": Viaduct, "viaduct-all": ViaductAll, "squid": Squid,
    "tinyproxy": Tinyproxy, "apache": Apache, "trafficserver": TrafficServer, "nginx": Nginx, "h2o": H2o,
    "haproxy": Haproxy, "haproxy-http": HaproxyHttp,
}
