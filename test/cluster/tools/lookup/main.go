// Lookup asks Go's own resolver, which reads /etc/resolv.conf, and prints what it says, sorted, one a line:
//
//	lookup host NAME | addr ADDRESS | srv SERVICE PROTOCOL NAME | cname NAME | txt NAME
//
// Exit code 2: the name does not exist, or has no such records; 1: anything else that went wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"
)

const deadline = 15 * time.Second

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	lines, err := lookUp(ctx, os.Args[1:])
	var fault *net.DNSError
	if errors.As(err, &fault) && fault.IsNotFound {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
}

func lookUp(ctx context.Context, arguments []string) ([]string, error) {
	resolver := &net.Resolver{PreferGo: true, StrictErrors: true}
	if len(arguments) == 4 && arguments[0] == "srv" {
		_, records, err := resolver.LookupSRV(ctx, arguments[1], arguments[2], arguments[3])
		var lines []string
		for _, record := range records {
			lines = append(lines, fmt.Sprintf("%d %d %d %s", record.Priority, record.Weight, record.Port, record.Target))
		}
		return lines, err
	}
	if len(arguments) != 2 {
		return nil, errors.New("usage: lookup host NAME | addr ADDRESS | srv SERVICE PROTOCOL NAME | cname NAME | txt NAME")
	}
	switch name := arguments[1]; arguments[0] {
	case "host":
		return resolver.LookupHost(ctx, name)
	case "addr":
		return resolver.LookupAddr(ctx, name)
	case "cname":
		target, err := resolver.LookupCNAME(ctx, name)
		return []string{target}, err
	case "txt":
		return resolver.LookupTXT(ctx, name)
	default:
		return nil, fmt.Errorf("what is %q?", arguments[0])
	}
}
