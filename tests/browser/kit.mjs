// What the browser tests share: the console and its peers as processes and servers, a browser, TAP.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const require = createRequire(join(ROOT, "build-browser", "package.json"));

export function load(name) {
	try {
		return require(name);
	} catch {
		return null;
	}
}

export const PASSWORD = "correct horse battery";
export const HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>";

// ---- the console --------------------------------------------------------------------------------

export class Place {
	constructor(program) {
		this.program = resolve(program);
		this.folder = mkdtempSync(join(tmpdir(), "viaduct-console-"));
		this.ends = [];
		this.settings = join(this.folder, "settings");
		mkdirSync(join(this.folder, "root", "etc"), { recursive: true });
		writeFileSync(join(this.folder, "root", "etc", "environment"), "PATH=/bin\n");
	}

	run(args, input) {
		const child = spawn(this.program, args, { stdio: ["pipe", "pipe", "pipe"],
			env: { ...process.env, NO_COLOR: "1" } });
		child.said = "";
		child.stdout.on("data", (data) => { child.said += data; });
		child.stderr.on("data", (data) => { child.said += data; });
		child.stdin.end(input ?? "");
		this.ends.push(async () => {
			if (child.exitCode !== null || child.signalCode !== null)
				return;
			const gone = once(child, "exit");
			child.kill("SIGTERM");
			await gone;
		});
		return child;
	}

	async user(name, role, password) {
		const child = this.run(["console", "user", name, "--role", role, "--state",
			join(this.folder, "state")], `${password}\n`);
		const [code] = await once(child, "exit");
		if (code !== 0)
			throw new Error(child.said);
	}

	// The first start: a password by standard input; the address is printed when it works.
	async console(...more) {
		const child = this.run(["console", "--listen", "127.0.0.1:0", "--state", join(this.folder, "state"),
			"--file", this.settings, "--root", join(this.folder, "root"), "--target", "http://origin.test/",
			...more], `${PASSWORD}\n`);
		for (;;) {
			const found = /viaduct console: (http\S+)/.exec(child.said);
			if (found)
				return found[1];
			if (child.exitCode !== null)
				throw new Error(child.said);
			await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
		}
	}

	async server(handle) {
		const server = createServer(handle);
		server.on("connect", (request, socket) => handle(request, socket));
		server.listen(0, "127.0.0.1");
		await once(server, "listening");
		this.ends.push(() => { server.closeAllConnections(); server.close(); });
		return server.address().port;
	}

	// A proxy that answers for every origin itself.
	good() {
		return this.server((request, response) => {
			if (request.method === "CONNECT")
				response.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
			else
				response.writeHead(200, { "Content-Type": "text/plain", Via: "1.1 good" }).end("hello\n");
		});
	}

	// One that denies, and says so in a way that no page may ever run.
	denying() {
		return this.server((request, response) => {
			if (request.method === "CONNECT")
				response.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
			else
				response.writeHead(403, HOSTILE, { "Content-Type": "text/html", Server: HOSTILE, Via: HOSTILE })
					.end(`<html><title>${HOSTILE}</title></html>`);
		});
	}

	// A connection that stays, and carries something now and then.
	async connection(port) {
		const socket = connect(port, "127.0.0.1");
		await once(socket, "connect");
		const timer = setInterval(() => socket.write("GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n"), 300);
		socket.resume();
		socket.on("error", () => {});
		this.ends.push(() => { clearInterval(timer); socket.destroy(); });
	}

	async end() {
		for (const end of this.ends.reverse())
			await end();
		rmSync(this.folder, { recursive: true, force: true });
	}
}

// ---- the browser --------------------------------------------------------------------------------

export async function launch() {
	return load("playwright-core").chromium.launch({
		executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--disable-sync",
			"--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
	});
}

// ---- TAP ----------------------------------------------------------------------------------------

export class Tap {
	number = 0;
	failed = 0;

	async case(name, run) {
		const began = performance.now();
		this.number++;
		try {
			await run();
			console.log(`ok ${this.number} - ${name}`);
			if (process.env.TIMES)
				console.error(`# ${Math.round(performance.now() - began)} ms`);
		} catch (error) {
			this.failed++;
			console.log(`not ok ${this.number} - ${name}`);
			console.error(`${name}: ${error.stack ?? error}`);
		}
	}

	done() {
		console.log(`1..${this.number}`);
		process.exitCode = this.failed ? 1 : 0;
	}
}
