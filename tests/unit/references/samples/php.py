"""Samples of what PHP programs are made of."""

SAMPLES = (
    ("", b"<?php require __DIR__ . '/inc/' . $name . '.php'; use A\\B as C; new C('x'); $c = 'App\\Kernel';\n"),
    ("", b"<?php define('ROOT', dirname(__FILE__, 2)); foreach (['a', 'b'] as $n) include ROOT . \"/$n.php\";\n"),
    ("", b"<?php if ($x) { exec(\"convert {$this->file} \xff\"); } $h = <<<T\na $b\nT; `ls $h`; view('shop.cart');\n"),
    ("", b"<?php require 'a.php'; function ( { require 'b.php'; /* never ends"),
    ("", b"<?php require 'a.php';" + b"(" * 3_000 + b"require 'b.php';"),
    ("", b"no tag at all"),
    ("inline", b"require 'a.php';"),
    ("map", b"<?php return array('A\\\\B' => $baseDir . '/b.php'); require 'x.php';"),
    ("blade", b"@extends('layouts.app')\n<?php include 'x.php';\n"),
    ("ini", b"extension=curl\nopcache.preload = /app/preload.php\n"),
    ("program", b"\x7fELF\0/usr/local/etc/php\0/etc/php/8.2/cli/conf.d\0"),
    ("config", b""),
)
