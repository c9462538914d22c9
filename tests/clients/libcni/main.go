// A container runtime in one page, over the Go CNI library of the distribution: what the tests of
// linnet need of it, and no more.
//
//	go-cnitool VERB NETWORK CONTAINERID NETNS
//
// VERB is add, check, del, validate, or cached (prints the result that the library has in its cache).
// Configurations come from NETCONFPATH, plugins from CNI_PATH, capability arguments (JSON) from
// CAP_ARGS; the interface is eth0.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
)

func run(verb, network, container, netns string) (types.Result, error) {
	list, err := libcni.LoadConfList(os.Getenv("NETCONFPATH"), network)
	if err != nil {
		return nil, err
	}
	attachment := &libcni.RuntimeConf{ContainerID: container, NetNS: netns, IfName: "eth0"}
	if capabilities := os.Getenv("CAP_ARGS"); capabilities != "" {
		if err := json.Unmarshal([]byte(capabilities), &attachment.CapabilityArgs); err != nil {
			return nil, err
		}
	}
	runtime := libcni.NewCNIConfig(filepath.SplitList(os.Getenv("CNI_PATH")), nil)
	ctx := context.Background()
	switch verb {
	case "add":
		return runtime.AddNetworkList(ctx, list, attachment)
	case "cached":
		return runtime.GetNetworkListCachedResult(list, attachment)
	case "check":
		return nil, runtime.CheckNetworkList(ctx, list, attachment)
	case "del":
		return nil, runtime.DelNetworkList(ctx, list, attachment)
	case "validate":
		_, err := runtime.ValidateNetworkList(ctx, list)
		return nil, err
	}
	return nil, fmt.Errorf("unknown verb %q", verb)
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: go-cnitool VERB NETWORK CONTAINERID NETNS")
		os.Exit(2)
	}
	result, err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err == nil && result != nil {
		err = result.Print()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
