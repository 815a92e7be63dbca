"""The plan of hostile inputs: what each numbered row is, and the tests that hold it. `test_plan` checks the table.

The numbers are those of the list that the tests were planned by; `docs/adr/0002-hostile-rows.md` says where the outcome
is another one on purpose, and which rows are out. `python -m tests.hostile.show_rows` runs them and prints the table.
"""

from __future__ import annotations

__all__ = ["OUT", "ROWS"]

OUT = {
    37: "the files of Go's fuzzer are not among the inputs; the bundles of row 38 and the mutations stand in",
    162: "there is no clock of its own: a run that must end by a time is ended by what started it",
    163: "there is no option for it: the bound is `Limits.worker_memory`, which row 137's tests hold",
}
"""Rows without a test, and why."""

ROWS: dict[int, tuple[str, str]] = {
    # D1: the tar stream
    1: ("bad checksum in the middle", "tar_stream::tar_bad_checksum_mid"),
    2: ("garbage in the middle", "tar_stream::tar_garbage_block_mid"),
    3: ("one zero block, then entries", "tar_stream::tar_entries_after_the_end"),
    4: ("entries after the end", "tar_stream::tar_entries_after_the_end tar_trailing_byte_at_the_very_end"),
    5: ("table of contents of eStargz", "tar_stream::tar_estargz_toc_after_eof compression::estargz"),
    6: ("joined archives, a directory over a link", "tar_stream::tar_joined_without_end_blocks tar_corpus_layers"),
    7: ("cut in a header", "tar_stream::tar_truncated_header"),
    8: ("cut in a body", "tar_stream::tar_truncated_body"),
    9: ("no end blocks", "tar_stream::tar_no_eof_blocks"),
    10: ("empty layer", "tar_stream::tar_empty_layer"),
    11: ("negative size, base 256", "tar_stream::tar_bad_size"),
    12: ("negative size, PAX", "tar_stream::tar_bad_size_pax"),
    13: ("size 2^62", "tar_stream::tar_huge_size"),
    14: ("size that is no octal number", "tar_stream::tar_bad_size"),
    15: ("uid and gid beyond 2^31", "tar_stream::tar_big_ids"),
    16: ("PAX size against the header's", "tar_stream::tar_pax_size_conflict tar_corpus_details"),
    17: ("PAX over a long name", "tar_stream::tar_pax_over_longlink"),
    18: ("PAX length zero, huge, no number", "tar_stream::tar_bad_pax"),
    19: ("PAX of more than 1 MiB", "tar_stream::tar_extended_header_too_large"),
    20: ("long name of 200 MB", "tar_stream::tar_extended_header_too_large"),
    21: ("global PAX of 100,000 keys", "tar_stream::tar_global_pax_100k_keys"),
    22: ("5,000 chained PAX headers", "tar_stream::tar_pax_chain_5000"),
    23: ("60,000 digits", "tar_stream::tar_bad_pax"),
    24: ("NUL in a PAX path", "tar_stream::tar_pax_nul_in_a_name"),
    25: ("names that are no UTF-8", "tar_stream::tar_name_nonutf8 tar_corpus_details"),
    26: (
        "control characters in names",
        "tar_stream::tar_name_control_chars command::hostile_names_reach_no_terminal_raw",
    ),
    27: (
        "names empty, dot, dot dot",
        "tar_stream::tar_name_empty layer_semantics::path_absolute_path_dotdot_path_backslash_path_drive",
    ),
    28: ("names too long or too deep", "tar_stream::tar_name_too_long layer_semantics::no_recursion_on_depth"),
    29: ("the same file twice", "tar_stream::tar_duplicate_file layer_semantics::duplicate_entries"),
    30: ("sparse files of four forms", "tar_stream::tar_sparse_formats"),
    31: ("sparse file of 2^60 bytes", "tar_stream::tar_sparse_2e60"),
    32: ("sparse map without end", "tar_stream::tar_sparse_map_bomb tar_sparse_many_maps"),
    33: ("sparse parts that overlap", "tar_stream::tar_sparse_bad"),
    34: ("unknown types", "tar_stream::tar_unknown_type"),
    35: ("a link with data", "tar_stream::tar_link_with_size_and_data tar_link_with_size_hides_no_entry"),
    36: ("two million entries", "tar_stream::tar_too_many_entries"),
    38: ("public bundles", "tar_stream::tar_corpus tar_corpus_layers"),
    # D2: compression
    39: ("several gzip members", "compression::everything_is_read"),
    40: ("gzip cut or wrong", "compression::every_cut_of_a_gzip_stream_is_seen gz_bad_crc_and_isize"),
    41: ("bytes behind gzip", "compression::trailing_garbage"),
    42: ("gzip bomb", "compression::gz_bomb_by_ratio gz_bomb_by_size a_spool_of_zeros_takes_no_disk"),
    43: ("gzip in gzip", "compression::compressed_twice"),
    44: ("several zstd frames", "compression::everything_is_read"),
    45: ("zstd cut", "compression::every_cut_of_a_zstd_stream_is_seen"),
    46: ("zstd of 13 bytes", "compression::zstd_13_byte_fcs"),
    47: ("zstd window of 2 GiB", "compression::zstd_window_2gib"),
    48: ("zstd bomb", "compression::zstd_bomb"),
    49: ("table of contents that differs", "toc::zstd_chunked_toc toc::estargz_toc_mismatch"),
    50: ("media type against bytes", "media_types::media_gzip_bytes_tar_and_the_like"),
    51: ("bzip2 and xz", "compression::unsupported"),
    52: ("compressed archive", "compression::archive_tar_gz"),
    # D3: layers
    53: ("whiteout", "layer_semantics::wh_basic"),
    54: ("directory made anew", "layer_semantics::wh_dir_recreate"),
    55: ("opaque first, opaque last", "layer_semantics::wh_opaque_first_wh_opaque_last"),
    56: ("opaque prefix", "layer_semantics::wh_opaque_prefix_trap"),
    57: ("whiteouts of nothing", "layer_semantics::wh_bare_wh_dot_wh_dotdot"),
    58: ("whiteout of its own layer", "layer_semantics::wh_own_layer"),
    59: ("whiteout in the base layer", "layer_semantics::wh_in_base_layer"),
    60: ("whiteout of what is not there", "layer_semantics::wh_absent_target"),
    61: ("whiteout through a link", "layer_semantics::wh_through_symlink_dir"),
    62: ("whiteout of a link", "layer_semantics::wh_symlink_itself"),
    63: ("opaque over a link", "layer_semantics::opq_over_lower_symlink"),
    64: ("whiteout that is a directory", "layer_semantics::wh_as_directory"),
    65: ("whiteout that is a hard link", "layer_semantics::wh_hardlink_entry_wh_nonempty"),
    66: ("AUFS", "layer_semantics::aufs_plnk"),
    67: ("everything over everything", "layer_semantics::replace_matrix"),
    68: ("merged usr", "layer_semantics::usrmerge_add_and_delete"),
    69: ("loops of links", "layer_semantics::symlink_loop_symlink_chain_41_symlink_self"),
    70: ("links out of the image", "layer_semantics::symlink_escape canary::nothing_outside_is_touched"),
    71: ("links that double", "layer_semantics::symlink_exponential"),
    72: ("root as a link", "layer_semantics::root_as_symlink"),
    73: (
        "hard links",
        (
            "layer_semantics::hardlink_lower hardlink_forward hardlink_dangling hardlink_to_symlink "
            "hardlink_deleted_later_and_replaced_later"
        ),
    ),
    74: ("hard link without parents", "layer_semantics::hardlink_missing_parents"),
    75: ("odd paths", "layer_semantics::path_absolute_path_dotdot_path_backslash_path_drive"),
    76: ("upper and lower case", "layer_semantics::case_conflict"),
    77: ("composed and decomposed", "layer_semantics::unicode_nfc_nfd"),
    78: ("devices", "layer_semantics::devices"),
    79: ("setuid and capabilities", "layer_semantics::setuid_caps"),
    80: ("100,000 opaque markers", "layer_semantics::opaque_100k_dirs"),
    81: ("no parents", "layer_semantics::no_parent_entries"),
    # D4: containers of images
    82: ("null index of Docker 25", "image_container::da_v25_null_index"),
    83: ("layer that is a link", "image_container::da_layer_symlink"),
    84: ("two images", "image_container::da_two_images da_two_images_selected"),
    85: ("manifest null, empty, no JSON", "image_container::da_null_manifest da_empty_list da_not_json da_missing"),
    86: ("links in a circle", "image_container::da_link_cycle"),
    87: ("links out of the archive", "image_container::da_link_outside"),
    88: ("two manifests", "image_container::da_dup_manifest da_two_tables_of_contents"),
    89: ("config elsewhere", "image_container::da_config_path_traversal"),
    90: ("diff_ids", "image_container::da_diffids_more da_diffids_fewer da_diffids_none da_diffids_wrong"),
    91: ("large documents", "image_container::da_manifest_2mb config_5mb"),
    92: ("layer that is no file", "image_container::da_layer_is_fifo_or_dir"),
    93: ("a layer twice", "image_container::da_same_layer_twice"),
    94: (
        "blobs missing, flipped, of another size",
        (
            "image_container::oci_missing_blob oci_flip_byte oci_size_plus1 oci_size_negative_or_missing "
            "every_blob::blob_of_an_archive blob_of_a_directory sizes_of_descriptors"
        ),
    ),
    95: ("digests that are paths", "image_container::oci_digest_traversal"),
    96: ("SHA-512", "image_container::oci_sha512"),
    97: ("manifest and index at once", "image_container::oci_type_confusion"),
    98: (
        "nested indexes",
        (
            "image_container::oci_index_depth_5 oci_index_10k_children oci_index_diamond_2e20 "
            "registry::98_registry_index_loop"
        ),
    ),
    99: ("attestations", "image_container::oci_attestation_only oci_attestation_first"),
    100: ("several platforms", "image_container::oci_multi_platform oci_multi_platform_chosen"),
    101: ("embedded data", "image_container::oci_embedded_data_bad"),
    102: ("unknown siblings", "image_container::oci_unknown_media_sibling"),
    103: ("layers that lie elsewhere", "image_container::oci_nondistributable_missing registry::117_reg_foreign_urls"),
    104: ("artifact", "image_container::oci_artifact"),
    105: ("reference to itself", "image_container::oci_loop_ref"),
    106: ("blobs that are no files", "image_container::oci_dir_bad_blob oci_dir_symlinked_blobs"),
    107: ("version of the layout", "image_container::oci_layout_version oci_missing_oci_layout"),
    108: ("bad JSON", "image_container::json_bad json_surrogate"),
    109: ("hostile history", "image_container::history_hostile"),
    110: ("images of other kinds", "image_container::windows_image schema1 encrypted_layer"),
    111: ("the same file twice", "image_container::same_file_twice"),
    # D5: registry and engine
    112: ("endless manifest", "registry::112_reg_manifest_endless 112_reg_layer_endless"),
    113: (
        "a byte at a time",
        "registry::113_reg_slow_loris 113_reg_silence 113_a_thousand_manifests_that_take_their_time",
    ),
    114: ("endless error", "registry::114_reg_error_body_1gb"),
    115: ("digest header that lies", "registry::115_reg_digest_header_lies 115_another_manifest_for_a_digest"),
    116: ("content type that lies", "registry::116_reg_content_type_lies"),
    117: (
        "where credentials go",
        "registry::117_reg_realm_ssrf 117_reg_redirect_cross_host 117_reg_foreign_urls 117_realms_that_are_none",
    ),
    118: (
        "redirects and bodies",
        (
            "registry::118_reg_redirect_loop 118_reg_short_blob_long_blob 118_reg_gzip_content_encoding "
            "118_a_layer_that_breaks_off gone::a_registry_that_is_gone_in_the_middle_of_a_layer"
        ),
    ),
    119: (
        "an engine that fails",
        (
            "unit/image/engine::engine_truncated_export engine_eof engine_http_500 engine_tar_no_manifest "
            "engine_error_behind_the_export engine_that_falls_silent "
            "gone::an_engine_that_is_gone_in_the_middle_of_an_export"
        ),
    ),
    120: ("names that are none", "unit/image/engine::engine_image_name_injection registry::120_names_that_are_none"),
    # D6: ELF
    121: ("entry sizes of zero", "elf::121_entry_sizes_of_zero 121_corpus"),
    122: (
        "version tables in a circle",
        "elf::122_version_tables_that_never_advance worker::version_needs_that_never_end",
    ),
    123: ("sections of any size", "elf::123_sections_of_any_size_allocate_nothing"),
    124: ("compressed sections", "elf::124_compressed_sections_stay_compressed"),
    125: ("a flood of needs", "elf::125_many_needs_of_one_endless_string 125_many_needs 125_names_that_overlap"),
    126: ("headers by headers", "elf::126_many_program_headers 126_many_dynamic_entries 126_many_sections"),
    127: ("interpreter without end", "elf::127_an_interpreter_without_end"),
    128: ("every prefix", "elf::128_every_prefix 128_every_changed_byte 128_random_damage_of_real_files"),
    129: ("strings that are no UTF-8", "elf::129_names_that_are_no_utf_8"),
    130: ("no sections", "elf::130_no_sections_at_all"),
    131: ("two string tables", "elf::131_two_string_tables"),
    132: ("machines", "elf::132_machines_and_byte_orders 132_android"),
    133: ("$ORIGIN", "elf::133_runpath_with_origin"),
    134: ("sections that lie", "elf::134_sections_that_lie"),
    135: ("program headers that wrap", "elf::135_program_headers_that_wrap_around"),
    136: ("fuzzed files", "elf::136_a_folder_of_fuzzed_files mutation::damaged_input"),
    137: (
        "a worker that dies",
        (
            "worker::137_killed_between_two_files 137_killed_at_work memory_is_bounded "
            "closer_look::a_crash_in_a_comparison_is_told_and_the_gate_is_not_fooled"
        ),
    ),
    # D7: packages and certificates
    138: ("rpm in SQLite", "rpm::counts_of_real_databases"),
    139: ("rpm in ndb", "rpm::counts_of_real_databases"),
    140: ("rpm in Berkeley DB", "rpm::counts_of_real_databases"),
    141: ("Berkeley DB in a circle", "rpm::rpm_bdb_broken rpm_bdb_real_chain_broken"),
    142: ("SQLite that is none", "rpm::rpm_sqlite_broken rpm_sqlite_corpus_without_table rpm_sqlite_steps_are_bounded"),
    143: (
        "write-ahead log",
        "rpm::rpm_sqlite_log_agrees_with_sqlite rpm_sqlite_frames_that_were_never_committed_do_not_count",
    ),
    144: ("huge rpm headers", "rpm::rpm_header_broken rpm_header_bounds"),
    145: ("database behind links", "rpm::rpm_db_symlinked_out packages::pkg_db_symlinked_out"),
    146: ("357 packages", "packages::dpkg_texlive"),
    147: ("packages half there", "packages::dpkg_bundle dpkg_not_installed_and_half_installed"),
    148: ("status.d", "packages::dpkg_statusd_distroless"),
    149: ("no dpkg, bad entries", "packages::dpkg_vcpkg dpkg_bad_entry_leaves_the_others"),
    150: ("apk", "packages::apk_counts apk_short_line"),
    151: ("database deleted in slim", "packages::pkg_db_deleted_in_slim"),
    152: (
        "certificates",
        (
            "certificates::152_cert_negative_serial 152_alpine_310_real_bundle 152_cert_v1 152_cert_bad_der "
            "152_pem_trusted 152_pem_100k_blocks 152_pem_nested 152_pem_5mb_line"
        ),
    ),
    153: ("private keys", "certificates::153_cert_key_in_image"),
    # D8: gate and output
    154: (
        "slim not read whole",
        (
            "platforms::gate_incomplete_original_or_slim policy_and_output::gate_incomplete "
            "command::a_gate_never_passes_on_what_was_not_read_whole"
        ),
    ),
    155: ("original not read whole", "platforms::gate_incomplete_original_or_slim gate_unreadable_original_or_slim"),
    156: ("platforms differ", "platforms::gate_platform_differs"),
    157: ("typing errors of a policy", "policy_and_output::gate_policy_typo"),
    158: ("globs and dots", "policy_and_output::gate_allow_glob_escape"),
    159: (
        "closed pipe, full disk, signals",
        (
            "command::a_closed_pipe_is_no_verdict a_signal_leaves_nothing_behind "
            "while_reading::the_disk_is_full the_disk_of_the_output_is_full "
            "gone::a_disk_that_is_full a_signal_while_a_fifo_is_read a_signal_while_the_worker_works "
            "an_output_that_cannot_be_written"
        ),
    ),
    160: ("names in Markdown", "policy_and_output::out_markdown_injection out_markdown_as_a_parser_sees_it"),
    161: ("the same bytes out", "policy_and_output::out_deterministic"),
    164: ("interpreters", "interpreters::164_python_versions"),
    165: ("a stack of 200", "interpreters::165_recursion_limit_200"),
}
"""What a row is, and its tests: `module::name name module::name`, without `test_`; a module of this folder if it has no
other."""
