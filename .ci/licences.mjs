import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const modules = fileURLToPath(new URL('../node_modules', import.meta.url));

/** Name, version, licence and its text of each library that `what` contains; libraries by their folders below node_modules. */
export function licencesOf(what, libraries) {
  const licences = libraries.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${modules}/${folder}/package.json`, 'utf8'));
    const file = readdirSync(`${modules}/${folder}`).find((entry) => /^licen[sc]e/i.test(entry));
    if (file === undefined) throw new Error(`${folder} has no text of its licence`);
    return `${name} ${version} (${license})\n\n${readFileSync(`${modules}/${folder}/${file}`, 'utf8').trim()}\n`;
  });
  return `${what} contain the following libraries.\n\n${licences.join(`\n${'-'.repeat(72)}\n\n`)}`;
}
