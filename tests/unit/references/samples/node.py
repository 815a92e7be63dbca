"""Samples of what Node programs are made of."""

SAMPLES = (
    ("", b"const path = require('path'); require(path.join(__dirname, 'routes', name + '.js'));\n"),
    (
        "",
        b"import {readFile as r} from 'node:fs'; for (const one of ['a', `b/${x}`]) r(one); if (x) import('./y');\n",
    ),
    ("", b"const {exec: run} = require('child_process'); names.forEach(name => run(`convert ${name} \xff`));\n"),
    ("", b"app.set('views', './pages'); app.get('/', (q, s) => s.render('home')); serve({root: 'public'});\n"),
    ("", b"const load = module.createRequire(import.meta.url); load('./z'); const f = function () { load('./q') };\n"),
    ("", b"require('./a'); function ( { } require('./b') /* never ends"),
    ("", b"require('./a');" + b"(" * 3_000 + b"require('./b')"),
    ("typescript", b"import type {A} from './types'; import {B} from './b'; const x: number = require('./c');\n"),
    ("package.json", b'{"dependencies": {"express": "4"}, "optionalDependencies": {"fsevents": "2"}}'),
    ("package.json", b'{"dependencies": '),
    ("config", b""),
)
