import acl from './acl/parse.ts';
import any from './any/parse.ts';
import auto from './auto/parse.ts';
import autopath from './autopath/parse.ts';
import azure from './azure/parse.ts';
import bind from './bind/parse.ts';
import bufsize from './bufsize/parse.ts';
import cache from './cache/parse.ts';
import cancel from './cancel/parse.ts';
import chaos from './chaos/parse.ts';
import clouddns from './clouddns/parse.ts';
import debug from './debug/parse.ts';
import dns64 from './dns64/parse.ts';
import dnssec from './dnssec/parse.ts';
import dnstap from './dnstap/parse.ts';
import dynupdate from './dynupdate/parse.ts';
import erratic from './erratic/parse.ts';
import errors from './errors/parse.ts';
import etcd from './etcd/parse.ts';
import file from './file/parse.ts';
import forward from './forward/parse.ts';
import geoip from './geoip/parse.ts';
import grpc from './grpc/parse.ts';
import grpcServer from './grpc_server/parse.ts';
import header from './header/parse.ts';
import health from './health/parse.ts';
import hosts from './hosts/parse.ts';
import https from './https/parse.ts';
import https3 from './https3/parse.ts';
import k8sExternal from './k8s_external/parse.ts';
import kubernetes from './kubernetes/parse.ts';
import loadbalance from './loadbalance/parse.ts';
import local from './local/parse.ts';
import log from './log/parse.ts';
import loop from './loop/parse.ts';
import metadata from './metadata/parse.ts';
import minimal from './minimal/parse.ts';
import multisocket from './multisocket/parse.ts';
import nomad from './nomad/parse.ts';
import nsid from './nsid/parse.ts';
import on from './on/parse.ts';
import pprof from './pprof/parse.ts';
import prometheus from './prometheus/parse.ts';
import proxyproto from './proxyproto/parse.ts';
import quic from './quic/parse.ts';
import ready from './ready/parse.ts';
import reload from './reload/parse.ts';
import rewrite from './rewrite/parse.ts';
import root from './root/parse.ts';
import route53 from './route53/parse.ts';
import secondary from './secondary/parse.ts';
import shed from './shed/parse.ts';
import sign from './sign/parse.ts';
import siit from './siit/parse.ts';
import template from './template/parse.ts';
import timeouts from './timeouts/parse.ts';
import tls from './tls/parse.ts';
import trace from './trace/parse.ts';
import transfer from './transfer/parse.ts';
import tsig from './tsig/parse.ts';
import view from './view/parse.ts';
import whoami from './whoami/parse.ts';

/**
 * Every plugin, in the one order in which they see a query, whatever order a Corefile names them in. It is CoreDNS's:
 * rewrite before cache, hosts before kubernetes, forward near the end.
 */
// prettier-ignore
export const PLUGINS = [
  root, metadata, geoip, cancel, proxyproto, quic, grpcServer, https, https3, timeouts, multisocket, reload, nsid, bufsize,
  bind, debug, trace, ready, health, pprof, shed, prometheus, errors, log, dnstap, local, dns64, siit, any, chaos,
  loadbalance, tsig, rewrite, autopath, acl, cache, header, dnssec, tls, minimal, template, transfer, dynupdate, hosts,
  route53, azure, clouddns, k8sExternal, kubernetes, file, auto, secondary, etcd, loop, forward, grpc, erratic, whoami, on,
  sign, view, nomad,
] as const;

/** Names that a Corefile may have from elsewhere, and what is said of them. */
export const STRANGERS: Readonly<Record<string, string>> = {
  proxy: 'gone since CoreDNS 1.5, use forward',
  federation: 'gone since CoreDNS 1.7, federated Services have no names any more',
  reverse: 'gone since CoreDNS 1.2, use template',
  ocp_dnsnameresolver: 'a plugin of OpenShift that skyshard does not have',
  unbound: 'a plugin from outside of CoreDNS that skyshard does not have, use forward',
};

type Definition = (typeof PLUGINS)[number];

export type PluginName = Definition['name'];

/** The options of every plugin by its name; a block has those that it names. */
export type PluginOptions = {
  readonly [One in Definition as One['name']]?: ReturnType<One['parse']>;
};
