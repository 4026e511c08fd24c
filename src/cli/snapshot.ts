/** `skyshard snapshot`: prints in words what would be served. */
export async function runSnapshot(_args: readonly string[]): Promise<number> {
  return 1;
}
