/** Sending a file with progress, which fetch does not tell. */

import { ApiError, at, authorisation, online, parseError } from './client';

export function upload<T>(
  path: string,
  field: string,
  file: File,
  more: Record<string, string>,
  progress: (fraction: number) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(more)) if (value) form.append(name, value);
    form.append(field, file, file.name);
    const sending = new XMLHttpRequest();
    sending.open('POST', at(path));
    for (const [name, value] of Object.entries(authorisation())) sending.setRequestHeader(name, value);
    sending.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    sending.onload = () => {
      online.value = true;
      if (sending.status >= 200 && sending.status < 300) resolve(JSON.parse(sending.responseText) as T);
      else reject(parseError(sending.status, sending.responseText));
    };
    sending.onerror = () => reject(new ApiError(0, 'offline', 'the upload broke off: send it again'));
    sending.send(form);
  });
}
