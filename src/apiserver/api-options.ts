/** How the API server is found and how hard it may be asked, as the option `kubernetes` of a Corefile says it. */

/** A kubeconfig file, else an endpoint, else the service account of the pod skyshard runs in. */
export interface KubernetesApiOptions {
  readonly endpoint: string | null;
  /** absolute paths, only with an endpoint */
  readonly tls: { readonly certificateFile: string; readonly keyFile: string; readonly authorityFile: string } | null;
  readonly kubeconfig: { readonly file: string; readonly context: string | null } | null;
  /** lists a second; 0: DEFAULT_QPS */
  readonly queriesPerSecond: number;
  /** lists at once; 0: DEFAULT_BURST */
  readonly burst: number;
  /** 0: unlimited */
  readonly inflightMax: number;
}
