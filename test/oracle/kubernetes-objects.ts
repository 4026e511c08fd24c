/** Kubernetes objects as they stand in YAML or JSON: the parts of the API that DNS looks at. */

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
  /** of the oracle alone: no label selector is asked */
  readonly isSelectedAlways?: boolean;
}

export interface RawPort {
  readonly name?: string;
  readonly port?: number;
  readonly protocol?: string;
}

export interface RawService {
  readonly apiVersion: 'v1';
  readonly kind: 'Service';
  readonly metadata: Metadata;
  readonly spec: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly externalName?: string;
    readonly externalIPs?: readonly string[];
    readonly ports?: readonly RawPort[];
  };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
  };
}

export interface RawEndpoint {
  readonly addresses: readonly string[];
  readonly hostname?: string;
  readonly zone?: string;
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly targetRef?: { readonly kind: string; readonly name: string };
}

export interface RawEndpointSlice {
  readonly apiVersion: 'discovery.k8s.io/v1';
  readonly kind: 'EndpointSlice';
  readonly metadata: Metadata;
  readonly addressType: string;
  readonly ports?: readonly RawPort[];
  readonly endpoints: readonly RawEndpoint[];
}

export interface RawNamespace {
  readonly apiVersion: 'v1';
  readonly kind: 'Namespace';
  readonly metadata: Metadata;
}

export interface RawPod {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: Metadata;
  readonly spec?: { readonly hostNetwork?: boolean };
  readonly status: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
  };
}

export interface RawServiceImport {
  readonly apiVersion: 'multicluster.x-k8s.io/v1alpha1';
  readonly kind: 'ServiceImport';
  readonly metadata: Metadata;
  readonly spec: {
    readonly type: string;
    readonly ips?: readonly string[];
    readonly ports?: readonly RawPort[];
  };
}

export type RawObject = RawService | RawEndpointSlice | RawNamespace | RawPod | RawServiceImport;
