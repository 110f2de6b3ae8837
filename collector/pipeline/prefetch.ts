/**
 * Reads one item ahead of its consumer, so that the next page is fetched while the last is mapped and committed.
 * At most one item waits. Ending the loop early ends the source too.
 */
export async function* prefetch<T>(items: AsyncGenerator<T, void, void>): AsyncGenerator<T, void, void> {
  let next = items.next();
  try {
    for (;;) {
      const item = await next;
      if (item.done) return;
      next = items.next();
      // An error that arrives while the consumer works is reported at the next await above, not as unhandled.
      next.catch(() => undefined);
      yield item.value;
    }
  } finally {
    await items.return().catch(() => undefined);
  }
}
