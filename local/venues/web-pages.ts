/**
 * Recorded web pages: `GET /web/<path>` is a file of a folder, byte for byte, with the content type of
 * its name. In: a folder. Out: its files, `robots.txt` among them, and 404 for whatever is none. A
 * path cannot leave the folder.
 */
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import type { FastifyInstance } from 'fastify';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.csv': 'text/csv; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.xml': 'application/xml',
  '.zip': 'application/zip',
};

export function addWebPages(server: FastifyInstance, folder: string): void {
  server.get('/web/*', async (request, reply) => {
    const params = request.params;
    const path = typeof params === 'object' && params !== null && '*' in params ? params['*'] : '';
    const inside = normalize(`/${String(path)}`);
    try {
      const bytes = await readFile(join(folder, inside));
      const type = CONTENT_TYPES[extname(inside)] ?? 'application/octet-stream';
      return await reply.type(type).send(bytes);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') {
        return reply.code(404).type('text/plain; charset=utf-8').send('not found');
      }
      throw error;
    }
  });
}
