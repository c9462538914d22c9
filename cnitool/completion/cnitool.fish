# fish completion of cnitool

set -l commands add check del gc list networks status validate version
complete -c cnitool -f
complete -c cnitool -n "not __fish_seen_subcommand_from $commands" -a add -d 'attach a netns to a network'
complete -c cnitool -n "not __fish_seen_subcommand_from $commands" -a check -d 'is the attachment as it was made?'
complete -c cnitool -n "not __fish_seen_subcommand_from $commands" -a del -d detach
complete -c cnitool -n "not __fish_seen_subcommand_from $commands" -a gc -d 'detach all but those to keep'
complete -c cnitool -n "not __fish_seen_subcommand_from $commands" -a list -d 'cached attachments'
complete -c cnitool -n "not __fish_seen_subcommand_from $commands" -a networks -d 'names of the networks'
complete -c cnitool -n "not __fish_seen_subcommand_from $commands" -a status -d 'is the network ready?'
complete -c cnitool -n "not __fish_seen_subcommand_from $commands" -a validate -d 'what is wrong with a configuration'
complete -c cnitool -n "not __fish_seen_subcommand_from $commands" -a version -d versions
complete -c cnitool -n "__fish_seen_subcommand_from add check del gc status validate" -a "(cnitool networks 2>/dev/null)"
complete -c cnitool -n "__fish_seen_subcommand_from add check del status" -a "/run/netns/(ls /run/netns 2>/dev/null)"
complete -c cnitool -n "__fish_seen_subcommand_from validate" -F
complete -c cnitool -n "__fish_seen_subcommand_from gc" -l keep -x -d 'CONTAINERID/IFNAME that stays'
complete -c cnitool -n "__fish_seen_subcommand_from list" -l json -d 'as a JSON array'
complete -c cnitool -s i -l ifname -x -d 'interface in the container'
complete -c cnitool -l conf-dir -r -F -d 'folder of network configurations'
complete -c cnitool -l plugin-path -r -F -d 'folders of plugins'
complete -c cnitool -l cache-dir -r -F -d 'folder of cached results'
complete -c cnitool -l args -x -d 'KEY=VALUE pairs'
complete -c cnitool -l capability-args -x -d 'JSON object'
complete -c cnitool -l container-id -x -d 'container id'
complete -c cnitool -l timeout -x -d 'seconds a plugin may take'
