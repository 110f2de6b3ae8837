// The image's health check: asks /healthz of the collector in the same container, without a shell. Port and host are
// the collector's own (HTTP_PORT, HTTP_HOST), so set them in the environment, not in the file, where they are changed.
const { HTTP_PORT = '9464', HTTP_HOST = '127.0.0.1' } = process.env;
const everyInterface = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };
const host = everyInterface[HTTP_HOST] ?? (HTTP_HOST.includes(':') ? `[${HTTP_HOST}]` : HTTP_HOST);

try {
  const response = await fetch(`http://${host}:${HTTP_PORT}/healthz`, { signal: AbortSignal.timeout(4000) });
  if (!response.ok) throw new Error(`/healthz answered ${response.status}`);
} catch (error) {
  process.stderr.write(`${error.cause?.message ?? error.message}\n`);
  process.exitCode = 1;
}
