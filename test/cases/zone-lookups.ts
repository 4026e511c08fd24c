/**
 * What a zone file is answered with: the files, and for each question the response. Checked against CoreDNS's `file`; where
 * skyshard differs on purpose the case stands in DIFFERENT with the reason.
 */

/** By path. */
export const ZONE_FILES: Readonly<Record<string, string>> = {
  'db.example.org': String.raw`$TTL 300
@ 3600 IN SOA ns1 hostmaster 2024010101 7200 3600 1209600 120
@ NS ns1
@ NS ns2.Elsewhere.test.
@ A 192.0.2.1
@ MX 10 mail
@ MX 20 mail2
@ TXT "v=spf1" "-all"
ns1 A 192.0.2.2
ns1 AAAA 2001:db8::2
mail A 192.0.2.3
mail2 CNAME mail
www CNAME web
web A 192.0.2.10
web A 192.0.2.11
web AAAA 2001:db8::10
ext CNAME www.elsewhere.test.
chain CNAME chain2
chain2 CNAME chain3
chain3 A 192.0.2.12
dangling CNAME nowhere
tosub CNAME host.sub
nodata CNAME mail
self CNAME self
loop1 CNAME loop2
loop2 CNAME loop1
a.b.c A 192.0.2.13
*.w A 192.0.2.20
*.w TXT "wild"
x.w A 192.0.2.21
y.ent.w A 192.0.2.22
*.wc CNAME web
*.wx CNAME nosuch
*.wout CNAME a.elsewhere.test.
b.*.we A 192.0.2.23
sub NS ns.sub
sub NS ns2.elsewhere.test.
sub NS ns1
ns.sub A 192.0.2.30
ns.sub AAAA 2001:db8::30
sub DS 1 13 2 1111111111111111111111111111111111111111111111111111111111111111
deep.x.sub A 192.0.2.31
d DNAME target.dn
x.target.dn A 192.0.2.40
al.target.dn CNAME web
dout DNAME elsewhere.test.
d A 192.0.2.41
*.mx MX 5 mail
_sip._tcp SRV 1 2 5060 web
_sip._tcp SRV 1 2 5061 mail
_ext._tcp SRV 1 2 5061 a.elsewhere.test.
svc SVCB 1 web alpn=h2
https HTTPS 1 . alpn="h2,h3" ipv4hint=192.0.2.1
caa CAA 0 issue "ca.test"
naptr NAPTR 1 2 "u" "E2U+sip" "!^.*$!sip:x@y!" .
Case.Mixed PTR Target.Example.ORG.
big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
big TXT "baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
has\.dot A 192.0.2.50
oct\001\200 A 192.0.2.51
$GENERATE 1-3 gen$ A 192.0.2.$
type65280 TYPE65280 \# 3 0a0B0c
loc LOC 52 14 05.123 N 00 08 50.000 E 10m
`.concat('$GENERATE 0-8/4 g${0,3,d}h IN CNAME gen$\n'),
  'db.apexonly': `@ 60 SOA ns.apex.test. host.apex.test. 1 2 3 4 30
@ 60 NS ns.elsewhere.test.
`,
  'db.dnameapex': `@ 60 SOA ns host 1 2 3 4 30
@ 60 NS ns.elsewhere.test.
@ 60 DNAME example.org.
@ 60 A 192.0.2.77
`,
};

/** Which file is which zone's. */
export const ZONES: Readonly<Record<string, string>> = {
  'example.org.': 'db.example.org',
  'apex.test.': 'db.apexonly',
  'dname.test.': 'db.dnameapex',
};

/** Question; why CoreDNS answers something else. */
export const DIFFERENT: Readonly<Record<string, string>> = {
  'mail2.example.org. MX': 'a denial behind an alias has the SOA (RFC 2308 §2.2), CoreDNS gives NS',
  'ent.w.example.org. A':
    'an empty non-terminal below a wildcard exists (RFC 4592 §2.2.2), CoreDNS lets the wildcard answer',
  'gen1.example.org. A': 'what $GENERATE makes has the TTL of $TTL, CoreDNS gives 3600',
  'apex.test. A': 'the apex exists, CoreDNS denies the name of a zone that has nothing else',
  'self.example.org. A': 'CoreDNS has no AA in a failure',
  'loop1.example.org. A': 'an alias that leads to itself is a failure, CoreDNS gives the same records over and over',
  'www.dname.test. A': 'authority is of the zone that the alias ends in, CoreDNS names the one it began in',
};

/** A question, then its response: rcode and flags, then records in their order, authority and additional sorted. */
export const LOOKUPS = String.raw`example.org. SOA
  NOERROR aa
  answer example.org. 3600 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
example.org. NS
  NOERROR aa
  answer example.org. 300 NS ns1.example.org.
  answer example.org. 300 NS ns2.elsewhere.test.
  additional ns1.example.org. 300 A 192.0.2.2
  additional ns1.example.org. 300 AAAA 2001:db8::2
example.org. A
  NOERROR aa
  answer example.org. 300 A 192.0.2.1
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
example.org. MX
  NOERROR aa
  answer example.org. 300 MX 10 mail.example.org.
  answer example.org. 300 MX 20 mail2.example.org.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
  additional mail.example.org. 300 A 192.0.2.3
example.org. TXT
  NOERROR aa
  answer example.org. 300 TXT "v=spf1" "-all"
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
example.org. AAAA
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
example.org. CAA
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
example.org. ANY
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
example.org. DS
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
ns1.example.org. A
  NOERROR aa
  answer ns1.example.org. 300 A 192.0.2.2
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
ns1.example.org. AAAA
  NOERROR aa
  answer ns1.example.org. 300 AAAA 2001:db8::2
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
ns1.example.org. MX
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
mail2.example.org. A
  NOERROR aa
  answer mail2.example.org. 300 CNAME mail.example.org.
  answer mail.example.org. 300 A 192.0.2.3
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
mail2.example.org. CNAME
  NOERROR aa
  answer mail2.example.org. 300 CNAME mail.example.org.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
mail2.example.org. MX
  NOERROR aa
  answer mail2.example.org. 300 CNAME mail.example.org.
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
www.example.org. A
  NOERROR aa
  answer www.example.org. 300 CNAME web.example.org.
  answer web.example.org. 300 A 192.0.2.10
  answer web.example.org. 300 A 192.0.2.11
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
www.example.org. AAAA
  NOERROR aa
  answer www.example.org. 300 CNAME web.example.org.
  answer web.example.org. 300 AAAA 2001:db8::10
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
www.example.org. TXT
  NOERROR aa
  answer www.example.org. 300 CNAME web.example.org.
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
ext.example.org. A
  NOERROR aa
  answer ext.example.org. 300 CNAME www.elsewhere.test.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
chain.example.org. A
  NOERROR aa
  answer chain.example.org. 300 CNAME chain2.example.org.
  answer chain2.example.org. 300 CNAME chain3.example.org.
  answer chain3.example.org. 300 A 192.0.2.12
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
chain.example.org. AAAA
  NOERROR aa
  answer chain.example.org. 300 CNAME chain2.example.org.
  answer chain2.example.org. 300 CNAME chain3.example.org.
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
dangling.example.org. A
  NXDOMAIN aa
  answer dangling.example.org. 300 CNAME nowhere.example.org.
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
tosub.example.org. A
  NOERROR aa
  answer tosub.example.org. 300 CNAME host.sub.example.org.
  authority sub.example.org. 300 NS ns.sub.example.org.
  authority sub.example.org. 300 NS ns1.example.org.
  authority sub.example.org. 300 NS ns2.elsewhere.test.
  additional ns.sub.example.org. 300 A 192.0.2.30
  additional ns.sub.example.org. 300 AAAA 2001:db8::30
nodata.example.org. TXT
  NOERROR aa
  answer nodata.example.org. 300 CNAME mail.example.org.
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
self.example.org. A
  SERVFAIL aa
self.example.org. CNAME
  NOERROR aa
  answer self.example.org. 300 CNAME self.example.org.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
loop1.example.org. A
  SERVFAIL aa
a.b.c.example.org. A
  NOERROR aa
  answer a.b.c.example.org. 300 A 192.0.2.13
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
b.c.example.org. A
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
c.example.org. A
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
c.example.org. TXT
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
nosuch.example.org. A
  NXDOMAIN aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
x.nosuch.example.org. A
  NXDOMAIN aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
z.a.b.c.example.org. A
  NXDOMAIN aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
z.c.example.org. A
  NXDOMAIN aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
foo.w.example.org. A
  NOERROR aa
  answer foo.w.example.org. 300 A 192.0.2.20
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
foo.w.example.org. TXT
  NOERROR aa
  answer foo.w.example.org. 300 TXT "wild"
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
foo.w.example.org. MX
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
foo.bar.w.example.org. A
  NOERROR aa
  answer foo.bar.w.example.org. 300 A 192.0.2.20
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
w.example.org. A
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
x.w.example.org. A
  NOERROR aa
  answer x.w.example.org. 300 A 192.0.2.21
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
x.w.example.org. TXT
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
z.x.w.example.org. A
  NXDOMAIN aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
y.ent.w.example.org. A
  NOERROR aa
  answer y.ent.w.example.org. 300 A 192.0.2.22
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
ent.w.example.org. A
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
z.ent.w.example.org. A
  NXDOMAIN aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
*.w.example.org. A
  NOERROR aa
  answer *.w.example.org. 300 A 192.0.2.20
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
foo.wc.example.org. A
  NOERROR aa
  answer foo.wc.example.org. 300 CNAME web.example.org.
  answer web.example.org. 300 A 192.0.2.10
  answer web.example.org. 300 A 192.0.2.11
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
foo.wc.example.org. CNAME
  NOERROR aa
  answer foo.wc.example.org. 300 CNAME web.example.org.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
foo.wx.example.org. A
  NXDOMAIN aa
  answer foo.wx.example.org. 300 CNAME nosuch.example.org.
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
foo.wout.example.org. A
  NOERROR aa
  answer foo.wout.example.org. 300 CNAME a.elsewhere.test.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
foo.we.example.org. A
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
b.foo.we.example.org. A
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
we.example.org. A
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
*.we.example.org. A
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
b.*.we.example.org. A
  NOERROR aa
  answer b.*.we.example.org. 300 A 192.0.2.23
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
sub.example.org. A
  NOERROR
  authority sub.example.org. 300 NS ns.sub.example.org.
  authority sub.example.org. 300 NS ns1.example.org.
  authority sub.example.org. 300 NS ns2.elsewhere.test.
  additional ns.sub.example.org. 300 A 192.0.2.30
  additional ns.sub.example.org. 300 AAAA 2001:db8::30
sub.example.org. NS
  NOERROR
  authority sub.example.org. 300 NS ns.sub.example.org.
  authority sub.example.org. 300 NS ns1.example.org.
  authority sub.example.org. 300 NS ns2.elsewhere.test.
  additional ns.sub.example.org. 300 A 192.0.2.30
  additional ns.sub.example.org. 300 AAAA 2001:db8::30
sub.example.org. DS
  NOERROR aa
  answer sub.example.org. 300 DS \# 36 00010d021111111111111111111111111111111111111111111111111111111111111111
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
sub.example.org. SOA
  NOERROR
  authority sub.example.org. 300 NS ns.sub.example.org.
  authority sub.example.org. 300 NS ns1.example.org.
  authority sub.example.org. 300 NS ns2.elsewhere.test.
  additional ns.sub.example.org. 300 A 192.0.2.30
  additional ns.sub.example.org. 300 AAAA 2001:db8::30
host.sub.example.org. A
  NOERROR
  authority sub.example.org. 300 NS ns.sub.example.org.
  authority sub.example.org. 300 NS ns1.example.org.
  authority sub.example.org. 300 NS ns2.elsewhere.test.
  additional ns.sub.example.org. 300 A 192.0.2.30
  additional ns.sub.example.org. 300 AAAA 2001:db8::30
ns.sub.example.org. A
  NOERROR
  authority sub.example.org. 300 NS ns.sub.example.org.
  authority sub.example.org. 300 NS ns1.example.org.
  authority sub.example.org. 300 NS ns2.elsewhere.test.
  additional ns.sub.example.org. 300 A 192.0.2.30
  additional ns.sub.example.org. 300 AAAA 2001:db8::30
ns.sub.example.org. AAAA
  NOERROR
  authority sub.example.org. 300 NS ns.sub.example.org.
  authority sub.example.org. 300 NS ns1.example.org.
  authority sub.example.org. 300 NS ns2.elsewhere.test.
  additional ns.sub.example.org. 300 A 192.0.2.30
  additional ns.sub.example.org. 300 AAAA 2001:db8::30
deep.x.sub.example.org. A
  NOERROR
  authority sub.example.org. 300 NS ns.sub.example.org.
  authority sub.example.org. 300 NS ns1.example.org.
  authority sub.example.org. 300 NS ns2.elsewhere.test.
  additional ns.sub.example.org. 300 A 192.0.2.30
  additional ns.sub.example.org. 300 AAAA 2001:db8::30
x.sub.example.org. A
  NOERROR
  authority sub.example.org. 300 NS ns.sub.example.org.
  authority sub.example.org. 300 NS ns1.example.org.
  authority sub.example.org. 300 NS ns2.elsewhere.test.
  additional ns.sub.example.org. 300 A 192.0.2.30
  additional ns.sub.example.org. 300 AAAA 2001:db8::30
host.sub.example.org. DS
  NOERROR
  authority sub.example.org. 300 NS ns.sub.example.org.
  authority sub.example.org. 300 NS ns1.example.org.
  authority sub.example.org. 300 NS ns2.elsewhere.test.
  additional ns.sub.example.org. 300 A 192.0.2.30
  additional ns.sub.example.org. 300 AAAA 2001:db8::30
d.example.org. A
  NOERROR aa
  answer d.example.org. 300 A 192.0.2.41
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
d.example.org. DNAME
  NOERROR aa
  answer d.example.org. 300 DNAME \# 23 0674617267657402646e076578616d706c65036f726700
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
d.example.org. MX
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
x.d.example.org. A
  NOERROR aa
  answer d.example.org. 300 DNAME \# 23 0674617267657402646e076578616d706c65036f726700
  answer x.d.example.org. 300 CNAME x.target.dn.example.org.
  answer x.target.dn.example.org. 300 A 192.0.2.40
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
x.d.example.org. CNAME
  NOERROR aa
  answer d.example.org. 300 DNAME \# 23 0674617267657402646e076578616d706c65036f726700
  answer x.d.example.org. 300 CNAME x.target.dn.example.org.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
x.d.example.org. DNAME
  NOERROR aa
  answer d.example.org. 300 DNAME \# 23 0674617267657402646e076578616d706c65036f726700
  answer x.d.example.org. 300 CNAME x.target.dn.example.org.
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
al.d.example.org. A
  NOERROR aa
  answer d.example.org. 300 DNAME \# 23 0674617267657402646e076578616d706c65036f726700
  answer al.d.example.org. 300 CNAME al.target.dn.example.org.
  answer al.target.dn.example.org. 300 CNAME web.example.org.
  answer web.example.org. 300 A 192.0.2.10
  answer web.example.org. 300 A 192.0.2.11
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
nosuch.d.example.org. A
  NXDOMAIN aa
  answer d.example.org. 300 DNAME \# 23 0674617267657402646e076578616d706c65036f726700
  answer nosuch.d.example.org. 300 CNAME nosuch.target.dn.example.org.
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
x.dout.example.org. A
  NOERROR aa
  answer dout.example.org. 300 DNAME \# 16 09656c73657768657265047465737400
  answer x.dout.example.org. 300 CNAME x.elsewhere.test.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
dn.example.org. A
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
target.dn.example.org. A
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
foo.mx.example.org. MX
  NOERROR aa
  answer foo.mx.example.org. 300 MX 5 mail.example.org.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
  additional mail.example.org. 300 A 192.0.2.3
_sip._tcp.example.org. SRV
  NOERROR aa
  answer _sip._tcp.example.org. 300 SRV 1 2 5060 web.example.org.
  answer _sip._tcp.example.org. 300 SRV 1 2 5061 mail.example.org.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
  additional mail.example.org. 300 A 192.0.2.3
  additional web.example.org. 300 A 192.0.2.10
  additional web.example.org. 300 A 192.0.2.11
  additional web.example.org. 300 AAAA 2001:db8::10
_ext._tcp.example.org. SRV
  NOERROR aa
  answer _ext._tcp.example.org. 300 SRV 1 2 5061 a.elsewhere.test.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
_tcp.example.org. SRV
  NOERROR aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
svc.example.org. SVCB
  NOERROR aa
  answer svc.example.org. 300 SVCB \# 26 000103776562076578616d706c65036f72670000010003026832
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
  additional web.example.org. 300 A 192.0.2.10
  additional web.example.org. 300 A 192.0.2.11
  additional web.example.org. 300 AAAA 2001:db8::10
https.example.org. HTTPS
  NOERROR aa
  answer https.example.org. 300 HTTPS \# 21 0001000001000602683202683300040004c0000201
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
caa.example.org. CAA
  NOERROR aa
  answer caa.example.org. 300 TYPE257 \# 14 0005697373756563612e74657374
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
naptr.example.org. NAPTR
  NOERROR aa
  answer naptr.example.org. 300 TYPE35 \# 30 000100020175074532552b7369700e215e2e2a24217369703a7840792100
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
case.mixed.example.org. PTR
  NOERROR aa
  answer case.mixed.example.org. 300 PTR target.example.org.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
CASE.MIXED.EXAMPLE.ORG. PTR
  NOERROR aa
  answer case.mixed.example.org. 300 PTR target.example.org.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
big.example.org. TXT
  NOERROR aa
  answer big.example.org. 300 TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  answer big.example.org. 300 TXT "baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
has\.dot.example.org. A
  NOERROR aa
  answer has\.dot.example.org. 300 A 192.0.2.50
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
oct\001\200.example.org. A
  NOERROR aa
  answer oct\001\200.example.org. 300 A 192.0.2.51
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
gen1.example.org. A
  NOERROR aa
  answer gen1.example.org. 300 A 192.0.2.1
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
gen4.example.org. A
  NXDOMAIN aa
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
g000h.example.org. A
  NXDOMAIN aa
  answer g000h.example.org. 300 CNAME gen0.example.org.
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
g004h.example.org. CNAME
  NOERROR aa
  answer g004h.example.org. 300 CNAME gen4.example.org.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
g008h.example.org. CNAME
  NOERROR aa
  answer g008h.example.org. 300 CNAME gen8.example.org.
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
type65280.example.org. TYPE65280
  NOERROR aa
  answer type65280.example.org. 300 TYPE65280 \# 3 0a0b0c
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
loc.example.org. LOC
  NOERROR aa
  answer loc.example.org. 300 TYPE29 \# 16 001216138b3557438008165000989a68
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
apex.test. SOA
  NOERROR aa
  answer apex.test. 60 SOA ns.apex.test. host.apex.test. 1 2 3 4 30
  authority apex.test. 60 NS ns.elsewhere.test.
apex.test. NS
  NOERROR aa
  answer apex.test. 60 NS ns.elsewhere.test.
apex.test. A
  NOERROR aa
  authority apex.test. 30 SOA ns.apex.test. host.apex.test. 1 2 3 4 30
x.apex.test. A
  NXDOMAIN aa
  authority apex.test. 30 SOA ns.apex.test. host.apex.test. 1 2 3 4 30
dname.test. A
  NOERROR aa
  answer dname.test. 60 A 192.0.2.77
  authority dname.test. 60 NS ns.elsewhere.test.
dname.test. DNAME
  NOERROR aa
  answer dname.test. 60 DNAME \# 13 076578616d706c65036f726700
  authority dname.test. 60 NS ns.elsewhere.test.
dname.test. SOA
  NOERROR aa
  answer dname.test. 60 SOA ns.dname.test. host.dname.test. 1 2 3 4 30
  authority dname.test. 60 NS ns.elsewhere.test.
dname.test. MX
  NOERROR aa
  authority dname.test. 30 SOA ns.dname.test. host.dname.test. 1 2 3 4 30
www.dname.test. A
  NOERROR aa
  answer dname.test. 60 DNAME \# 13 076578616d706c65036f726700
  answer www.dname.test. 60 CNAME www.example.org.
  answer www.example.org. 300 CNAME web.example.org.
  answer web.example.org. 300 A 192.0.2.10
  answer web.example.org. 300 A 192.0.2.11
  authority example.org. 300 NS ns1.example.org.
  authority example.org. 300 NS ns2.elsewhere.test.
nosuch.dname.test. A
  NXDOMAIN aa
  answer dname.test. 60 DNAME \# 13 076578616d706c65036f726700
  answer nosuch.dname.test. 60 CNAME nosuch.example.org.
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
x.y.dname.test. A
  NXDOMAIN aa
  answer dname.test. 60 DNAME \# 13 076578616d706c65036f726700
  answer x.y.dname.test. 60 CNAME x.y.example.org.
  authority example.org. 120 SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 120
other.test. A
  REFUSED
. NS
  REFUSED
`;
