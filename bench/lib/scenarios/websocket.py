"""Messages that come back over WebSockets."""

import pairs
import servers

TITLE = "WebSocket echo of 125 bytes; CPU µs per message there and back"


def run(bench):
    target = bench.start(servers.function(bench.root))
    upgrade = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
    nginx, control = (bench.start(servers.nginx_proxy(bench.folder, target, location=upgrade, port=target.websocket))
                      for _ in range(2))
    routes = [servers.route("bench", [f"127.0.0.1:{target.websocket}"])]
    gateway = bench.start(servers.gateway(bench.root, bench.folder, routes=routes))
    haproxy = bench.start(servers.haproxy(bench.folder, target, target.websocket))
    go = bench.start(servers.go_proxy(bench.root, target, target.websocket))
    couples = (("nginx:nginx", control, nginx), ("gateway:nginx", gateway, nginx), ("gateway:haproxy", gateway, haproxy),
               ("gateway:go", gateway, go))
    results = pairs.run(bench, [
        pairs.Comparison(key, a, b, str(count), {"connections": count, "websocket": True, "body": 125})
        for key, a, b in couples for count in (1, 64, 512)])
    for row in results:
        if row["pair"] != "nginx:nginx":
            bench.figure(f"websocket/{row['pair']}/{row['load']}/cpu", row["cpu_ratio"])
    return results
