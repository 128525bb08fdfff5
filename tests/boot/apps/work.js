// SPDX-License-Identifier: MIT
// What makes V8 compile, give up and compile again; prints what came out.
'use strict';
const crypto = require('crypto');

function hash(s) {
	let h = 2166136261;
	for (let i = 0; i < s.length; i++)
		h = Math.imul(h ^ s.charCodeAt(i), 16777619) >>> 0;
	return h;
}

let seed = 99;
const next = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 1);
const numbers = Array.from({length: 30000}, next);
console.log('sort', hash(numbers.slice().sort((a, b) => a - b).join()));

// Hot with numbers, then with strings and objects: code is thrown away.
function add(a, b) { return a + b; }
let sum = 0;
for (let i = 0; i < 300000; i++)
	sum = add(sum, i) | 0;
let text = '';
for (let i = 0; i < 2000; i++)
	text = add(text, String.fromCharCode(97 + i % 26));
console.log('add', sum, hash(text), add(1.5, 2.25), add('x', 1));

// Many functions made at run time.
let made = 0;
for (let i = 0; i < 300; i++) {
	const f = new Function('n', `let s = ${i}; for (let k = 0; k < n; k++) ` +
		`s = (s * ${i % 7 + 1} + k) % 65521; return s;`);
	made = (made * 31 + f(400)) % 1000003;
}
console.log('functions', made);

const data = [];
for (let i = 0; i < 3000; i++)
	data.push({id: i, name: `n${i}`, list: [i, i / 3, null, i % 2 === 0]});
const json = JSON.stringify(data);
const back = JSON.parse(json).reduce((t, o) => t + o.list[1], 0);
console.log('json', hash(json), back.toFixed(6));

const found = json.match(/"name":"n(\d*7)"/g);
console.log('regex', found.length, hash(found.join()));

const cells = new Float64Array(4096);
for (let n = 0; n < 40; n++)
	for (let i = 1; i < 4095; i++)
		cells[i] = (cells[i - 1] + cells[i + 1]) / 2 + i % 3;
console.log('floats', cells[2048].toFixed(9));
console.log('bigint', (3n ** 2000n % 1000000007n).toString());
console.log('sha256', crypto.createHash('sha256').update(json).digest('hex'));

// A little machine code: (n) -> sum of 1 .. n
const wasm = new Uint8Array([
	0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7,
	5, 1, 1, 115, 0, 0, 10, 30, 1, 28, 1, 1, 127, 3, 64, 32, 1, 32, 0, 106,
	33, 1, 32, 0, 65, 1, 107, 34, 0, 65, 0, 74, 13, 0, 11, 32, 1, 11]);
WebAssembly.instantiate(wasm).then(
	m => console.log('wasm', m.instance.exports.s(100000)),
	e => console.log('wasm', e.message));
