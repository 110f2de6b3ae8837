import { useState } from 'preact/hooks';
import { asCurl, asEnvironment, asTerraform, asYaml, withSecretFiles } from './copy-as.js';
import type { Document } from './feed-document.js';
import type { FormKey } from './schema-keys.js';
import { TextBlock } from './text.js';

/** Copy as YAML, curl, Terraform or environment: exactly what this form sends, secrets as files. */
export function CopyAs({ document, keys }: { readonly document: Document; readonly keys: readonly FormKey[] }) {
  const [isOpen, setOpen] = useState(false);
  const [form, setForm] = useState<'YAML' | 'curl' | 'Terraform' | 'environment'>('YAML');
  const text = () => {
    const exported = withSecretFiles(document, keys);
    if (form === 'YAML') return asYaml(exported);
    if (form === 'curl') return asCurl(exported, location.origin);
    return form === 'Terraform' ? asTerraform(exported) : asEnvironment(exported, keys);
  };
  return (
    <details class="section" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Copy as YAML, curl, Terraform or environment</summary>
      {isOpen && (
        <>
          <fieldset class="chips">
            <legend class="hidden">Form</legend>
            {(['YAML', 'curl', 'Terraform', 'environment'] as const).map((one) => (
              <button key={one} type="button" aria-pressed={form === one} onClick={() => setForm(one)}>
                {one}
              </button>
            ))}
          </fieldset>
          <TextBlock label={`This feed as ${form}`}>{text()}</TextBlock>
          <CopyButton text={text} />
          <p class="hint">Secrets are never in it: put each into the file that is named.</p>
        </>
      )}
    </details>
  );
}

export function CopyButton({ text, label = 'Copy' }: { readonly text: () => string; readonly label?: string }) {
  const [said, setSaid] = useState('');
  return (
    <>
      <button
        type="button"
        onClick={() =>
          navigator.clipboard.writeText(text()).then(
            () => setSaid('Copied.'),
            () => setSaid('The browser does not allow it: select the text and copy it.'),
          )
        }
      >
        {label}
      </button>{' '}
      <span role="status">{said}</span>
    </>
  );
}
