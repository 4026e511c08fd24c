// Certificates makes a certificate authority, certificates and a key pair for ServiceAccount tokens:
//
//	certificates FOLDER SPEC...
//
// A SPEC is NAME=COMMON_NAME[/ORGANIZATION] for a client, or NAME=COMMON_NAME@HOST[,HOST]... for a server; a HOST is an
// address or a DNS name. Written to FOLDER: ca.crt, NAME.crt, NAME.key, sa.key, sa.pub. Keys are P-256: RSA ones take
// 100 ms each. Everything is valid for 30 days; the key of the authority is not kept.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const lifetime = 30 * 24 * time.Hour

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: certificates FOLDER NAME=COMMON_NAME[/ORGANIZATION][@HOST,...]..."))
	}
	folder := os.Args[1]
	authority := template("skyshard-test-ca")
	authority.IsCA = true
	authority.BasicConstraintsValid = true
	authority.KeyUsage = x509.KeyUsageCertSign
	authorityKey := newKey()
	write(folder, "ca.crt", "CERTIFICATE", sign(authority, authority, authorityKey, authorityKey))
	for _, spec := range os.Args[2:] {
		name, subject, isSpec := strings.Cut(spec, "=")
		if !isSpec {
			fail(fmt.Errorf("%q: expected NAME=COMMON_NAME", spec))
		}
		key := newKey()
		write(folder, name+".crt", "CERTIFICATE", sign(leaf(subject), authority, key, authorityKey))
		write(folder, name+".key", "EC PRIVATE KEY", must(x509.MarshalECPrivateKey(key)))
	}
	tokens := newKey()
	write(folder, "sa.key", "EC PRIVATE KEY", must(x509.MarshalECPrivateKey(tokens)))
	write(folder, "sa.pub", "PUBLIC KEY", must(x509.MarshalPKIXPublicKey(&tokens.PublicKey)))
}

func leaf(subject string) *x509.Certificate {
	who, hosts, isServer := strings.Cut(subject, "@")
	commonName, organization, hasOrganization := strings.Cut(who, "/")
	certificate := template(commonName)
	if hasOrganization {
		certificate.Subject.Organization = []string{organization}
	}
	certificate.KeyUsage = x509.KeyUsageDigitalSignature
	certificate.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if isServer {
		certificate.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		for _, host := range strings.Split(hosts, ",") {
			if address := net.ParseIP(host); address != nil {
				certificate.IPAddresses = append(certificate.IPAddresses, address)
			} else {
				certificate.DNSNames = append(certificate.DNSNames, host)
			}
		}
	}
	return certificate
}

func template(commonName string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))),
		Subject:      pkix.Name{CommonName: commonName},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(lifetime),
	}
}

func sign(certificate, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
	return must(x509.CreateCertificate(rand.Reader, certificate, parent, &key.PublicKey, parentKey))
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func write(folder, name, kind string, octets []byte) {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: octets})
	if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
		fail(err)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		fail(err)
	}
	return value
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "certificates:", err)
	os.Exit(1)
}
