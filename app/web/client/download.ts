/** Hands a file to the browser to keep. */
export function download(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser has taken the file once the click is done.
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}
