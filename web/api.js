// All that the page does goes through here: /api/v1, as /console-api.json describes it.

export class Refused extends Error {
	constructor(status, body) {
		super(body.error ?? `HTTP ${status}`);
		this.status = status;
		this.body = body;
	}
}

let proof = "";
let onLoggedOut = () => {};

export const setProof = (value) => { proof = value ?? ""; };
export const whenLoggedOut = (call) => { onLoggedOut = call; };

async function bodyOf(answer) {
	const type = answer.headers.get("Content-Type") ?? "";
	if (answer.status === 204)
		return null;
	return type.startsWith("application/json") ? answer.json() : answer.text();
}

export async function ask(method, path, body, options = {}) {
	let answer;
	try {
		answer = await fetch(`/api/v1${path}`, {
			method, credentials: "same-origin", cache: "no-store", signal: options.signal,
			headers: { ...(body ? { "Content-Type": "application/json" } : {}),
				...(method === "GET" ? {} : { "X-Viaduct-Proof": proof }) },
			body: body ? JSON.stringify(body) : undefined,
		});
	} catch (error) {
		if (error.name === "AbortError")
			throw error;
		throw new Refused(0, { error: "" });
	}
	const content = await bodyOf(answer);
	if (answer.ok)
		return content;
	if (answer.status === 401 && path !== "/session")
		onLoggedOut();
	throw new Refused(answer.status, typeof content === "object" && content ? content : {});
}

export const get = (path, options) => ask("GET", path, undefined, options);

// fetch tells nothing of how far an upload is.
export function upload(path, file, onProgress) {
	const request = new XMLHttpRequest();
	const done = new Promise((resolve, reject) => {
		request.open("POST", `/api/v1${path}`);
		request.setRequestHeader("X-Viaduct-Proof", proof);
		request.setRequestHeader("Content-Type", "application/octet-stream");
		request.responseType = "json";
		request.upload.addEventListener("progress", onProgress);
		request.addEventListener("load", () => {
			if (request.status === 201)
				resolve(request.response);
			else
				reject(new Refused(request.status, request.response ?? {}));
		});
		request.addEventListener("error", () => reject(new Refused(0, { error: "" })));
		request.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
		request.send(file);
	});
	return { done, stop: () => request.abort() };
}

// A document is parsed without being run; only shapes that we know are copied out of it (ladder.js).
export function picture(path) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open("GET", `/api/v1${path}`);
		request.responseType = "document";
		request.addEventListener("load", () => {
			if (request.status === 200 && request.responseXML)
				resolve(request.responseXML.documentElement);
			else
				reject(new Refused(request.status, {}));
		});
		request.addEventListener("error", () => reject(new Refused(0, { error: "" })));
		request.send();
	});
}

export function query(values) {
	const set = Object.entries(values).filter(([, value]) => value !== undefined && value !== "" &&
		value !== null);
	return set.length ? `?${new URLSearchParams(set)}` : "";
}
