"""Writes the tables that techdocs/markdown takes from Pygments, pymdown-extensions and mkdocs-material.

Run it from the root of the repository, in a Python environment that has them in the versions to follow:

    pip install Pygments==2.21.0 pymdown-extensions==11.0.1 mkdocs-material==9.7.7
    python tools/techdocs-tables/tables.py
"""
import glob
import os
import zipfile

import material
from pymdownx import emoji1_db, gemoji_db, keymap_db, twemoji_db
from pygments.lexers import get_all_lexers

ROOT = 'techdocs/markdown/internal/'


def write(path, lines):
    with open(ROOT + path, 'w', encoding='utf-8') as file:
        file.write(''.join(line + '\n' for line in lines))


write('highlight/pygments.txt', (
    name + '\t' + ' '.join(aliases) for name, aliases, _, _ in sorted(get_all_lexers(plugins=False)) if aliases
))

for db in (emoji1_db, gemoji_db, twemoji_db):
    lines = []
    for short, entry in sorted(db.emoji.items()):
        uc = entry.get('unicode') or ''
        alt = entry.get('unicode_alt') or ''
        names = [short] + sorted(alias for alias, to in db.aliases.items() if to == short)
        lines.append('\t'.join([' '.join(name.strip(':') for name in names), uc, '' if alt == uc else alt,
                                entry.get('category') or '', entry['name']]))
    write('emoji/%s.txt' % db.name, lines)

write('inline/keys.txt', [
    '\t'.join([key, name] + sorted(alias for alias, to in keymap_db.aliases.items() if to == key))
    for key, name in sorted(keymap_db.keymap.items())
] + ['\t'.join([to, ''] + [alias]) for alias, to in sorted(keymap_db.aliases.items()) if to not in keymap_db.keymap])

# The icons of mkdocs-material, in parts of 100 by name, so that a page takes only the parts that it needs from the archive.
icons = {}
base = os.path.join(os.path.dirname(material.__file__), 'templates', '.icons')
for file in glob.glob(base + '/*/**/*.svg', recursive=True):
    with open(file, encoding='utf-8') as svg:
        icons[os.path.relpath(file, base)[:-4].replace(os.sep, '-')] = ' '.join(svg.read().split('\n')).strip()

names = sorted(icons)
with zipfile.ZipFile(ROOT + 'emoji/icons.zip', 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for start in range(0, len(names), 100):
        part = names[start:start + 100]
        info = zipfile.ZipInfo(part[0], (1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, ''.join(name + '\t' + icons[name] + '\n' for name in part))
