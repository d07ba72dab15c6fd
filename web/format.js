// Numbers, times and sizes as the reader's own language has them.
import { language, t } from "./words.js";

const made = new Map();

function format(kind, options) {
	const key = `${language()} ${kind.name} ${JSON.stringify(options)}`;
	if (!made.has(key))
		made.set(key, new kind(language(), options));
	return made.get(key);
}

export const number = (value, options = {}) => format(Intl.NumberFormat, options).format(value);

export const clock = (at) => format(Intl.DateTimeFormat,
	{ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);

export const moment = (at) => format(Intl.DateTimeFormat, { dateStyle: "medium", timeStyle: "medium" })
	.format(at);

export const day = (at) => format(Intl.DateTimeFormat,
	{ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }).format(at);

export const date = (at) => format(Intl.DateTimeFormat, { dateStyle: "medium" }).format(at);

export function bytes(value) {
	const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
	let step = 0;
	let rest = value;
	for (; rest >= 1000 && step < units.length - 1; step++)
		rest /= 1000;
	if (step === 0)
		return `${number(rest)} B`;
	return number(rest, { style: "unit", unit: units[step], unitDisplay: "short",
		maximumFractionDigits: rest < 10 ? 1 : 0 });
}

// A span in milliseconds.
export function span(ms) {
	if (ms === undefined || ms === null)
		return "–";
	if (ms < 1000)
		return number(ms, { style: "unit", unit: "millisecond", maximumFractionDigits: ms < 10 ? 1 : 0 });
	if (ms < 120000)
		return number(ms / 1000, { style: "unit", unit: "second", maximumFractionDigits: 1 });
	if (ms < 7200000)
		return number(ms / 60000, { style: "unit", unit: "minute", maximumFractionDigits: 0 });
	return number(ms / 3600000, { style: "unit", unit: "hour", maximumFractionDigits: 1 });
}

// Of a record's start: some texts show a clock and no date (doc/exchange.md).
export function start(record) {
	const at = new Date(record.start);
	return Number.isNaN(at.getTime()) ? record.start ?? t("unknown") : moment(at);
}
