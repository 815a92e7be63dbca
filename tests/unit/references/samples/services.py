"""Samples of settings that hold commands; the form is the path of the file."""

SAMPLES = (
    ("/etc/supervisor.conf", b"[program:x]\ncommand=/bin/x -a %(here)s\ndirectory=/srv\n[include]\nfiles = *.ini\n"),
    ("/etc/cron.d/job", b"PATH=/bin\n* * * * * root run caf\xc3\xa9 \xff % x\n"),
    ("/app/ecosystem.config.js", b"module.exports = {script: 'app.js', cwd: '/app', interpreter: 'none'}\n"),
    ("/etc/s6-rc.d/x/up", b"foreground { echo a }\nexec b\n"),
    ("/etc/s6-rc.d/x/up", b"foreground { echo 'a }\n"),
    ("/app/uwsgi.ini", b"[uwsgi]\nmodule = app.wsgi\nattach-daemon = x\n"),
    ("/etc/nginx/nginx.conf", b"content_by_lua_block { ngx.say({1}) }\ninclude /etc/nginx/*.conf;\n"),
)
