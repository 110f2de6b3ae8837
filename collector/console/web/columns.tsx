/** The head of a table; with `actions` a last column of buttons. */
export function Columns({ of, actions = false }: { readonly of: readonly string[]; readonly actions?: boolean }) {
  return (
    <thead>
      <tr>
        {of.map((name) => (
          <th key={name} scope="col">
            {name}
          </th>
        ))}
        {actions && (
          <th scope="col">
            <span class="hidden">Actions</span>
          </th>
        )}
      </tr>
    </thead>
  );
}
