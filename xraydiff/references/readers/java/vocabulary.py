"""Which parts of a Java runtime a class's use of the platform leads to, each with the JDK source that says so.

`{conf}`, `{lib}` and `{native}` are JAVA_HOME/conf, JAVA_HOME/lib and JAVA_HOME/lib since Java 9 (JEP 220); before,
they are jre/lib, jre/lib and jre/lib/ARCH. A `*` matches names in a directory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from xraydiff.facts import EdgeKind

__all__ = ["ALWAYS", "AT_START", "DATED", "FACILITIES", "OLD_CLASS", "OPTIONS", "TIME_ZONES", "Facility", "by_use"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """Files of the runtime that one service of the platform reads."""

    name: str
    uses: tuple[str, ...] = ()
    """What leads to it: a package (`java/awt/`, with those below it), a class, or a method (`java/util/UUID.f`)."""
    files: tuple[str, ...]
    source: str
    """Where the JDK reads them."""
    kind: EdgeKind = EdgeKind.COMPANION


def _row(name: str, uses: str, files: str, source: str, kind: EdgeKind = EdgeKind.COMPANION) -> Facility:
    return Facility(name=name, uses=tuple(uses.split()), files=tuple(files.split()), source=source, kind=kind)


_SECURITY = "{conf}/security/java.security"
_POLICY = (
    "{conf}/security/policy/{policy}/*.policy {conf}/security/policy/{policy}/*_policy.jar {conf}/security/*_policy.jar"
)
_TLS = (
    "javax/net/ssl/ java/net/http/ com/sun/net/httpserver/HttpsServer javax/rmi/ssl/ javax/naming/ldap/StartTlsResponse"
)
_CRYPTOGRAPHY = (
    "javax/crypto/ java/security/MessageDigest java/security/SecureRandom java/security/KeyStore "
    "java/security/KeyPairGenerator java/security/KeyFactory java/security/Signature java/security/AlgorithmParameters "
    "java/security/AlgorithmParameterGenerator"
)

TIME_ZONES: Final = "time zones"

AT_START: Final = (
    _row(
        "the virtual machine",
        "",
        "{lib}/jvm.cfg {native}/jvm.cfg {native}/libjava.so {native}/libjimage.so {lib}/modules {lib}/rt.jar",
        "java.base/share/native/libjli/java.c; jdk.internal.jimage.ImageReader; hotspot classLoader.cpp",
        EdgeKind.NEEDS,
    ),
)
"""Without these no program starts."""

ALWAYS: Final = (
    _row(
        TIME_ZONES,
        "",
        "{lib}/tzdb.dat {lib}/zi/ZoneInfoMappings",
        "sun.util.calendar.ZoneInfoFile and java.time.zone.TzdbZoneRulesProvider read it whole at the first time zone: "
        "every log line and HTTP date has one",
    ),
    _row(
        "security properties",
        "",
        _SECURITY,
        "java.security.Security.initialize, at the first random number, digest, session id or temporary file",
    ),
)
"""Servers come to these whatever they serve."""

OLD_CLASS: Final = _row(
    "the old verifier",
    "",
    "{native}/libverify.so",
    "hotspot verifier.cpp: classes older than version 50 go to VerifyClassForMajorVersion of libverify",
)

DATED: Final = (
    "com/sun/net/httpserver/",
    "org/springframework/boot/SpringApplication",
    "io/micronaut/runtime/Micronaut",
    "io/quarkus/runtime/Quarkus",
    "org/apache/catalina/startup/",
)
"""Servers that log or answer nothing without a date: what they are used by cannot do without time zones.

sun.net.httpserver.ExchangeImpl, org.springframework.boot.logging, io.quarkus.bootstrap.logging, OneLineFormatter of
JULI.
"""

FACILITIES: Final = (
    _row(
        TIME_ZONES,
        "java/time/ZoneId java/time/ZonedDateTime java/time/LocalDate java/time/LocalDateTime java/time/LocalTime "
        "java/time/OffsetDateTime java/time/OffsetTime java/time/Clock java/time/Year java/time/YearMonth "
        "java/time/MonthDay java/time/zone/ java/time/format/ java/util/Date java/util/Calendar "
        "java/util/GregorianCalendar java/util/TimeZone java/text/DateFormat java/text/SimpleDateFormat "
        "java/util/logging/ java/sql/Timestamp java/sql/Date java/sql/Time com/sun/net/httpserver/",
        "{lib}/tzdb.dat {lib}/zi/ZoneInfoMappings",
        "sun.util.calendar.ZoneInfoFile; java.time.zone.TzdbZoneRulesProvider; sun.net.httpserver.ExchangeImpl",
    ),
    _row(
        "security properties",
        f"{_CRYPTOGRAPHY} {_TLS} java/security/Security java/security/Provider java/security/Policy "
        "java/security/cert/CertificateFactory java/security/cert/CertPathValidator java/util/UUID.randomUUID "
        "java/io/File.createTempFile java/nio/file/Files.createTempFile java/nio/file/Files.createTempDirectory "
        "javax/security/auth/login/ javax/xml/crypto/ org/ietf/jgss/",
        _SECURITY,
        "java.security.Security.initialize",
    ),
    _row(
        "jurisdiction policy",
        f"javax/crypto/ {_TLS} java/security/KeyStore",
        _POLICY,
        "javax.crypto.JceSecurity.setupJurisdictionPolicies: without them every Cipher fails to initialise",
    ),
    _row(
        "elliptic curves",
        "java/security/KeyPairGenerator java/security/Signature java/security/KeyFactory javax/crypto/KeyAgreement "
        f"{_TLS}",
        "{native}/libsunec.so {lib}/ext/sunec.jar",
        "sun.security.ec.SunEC before Java 16 (JDK-8235710)",
    ),
    _row(
        "providers in jars",
        f"{_CRYPTOGRAPHY} {_TLS}",
        "{lib}/jce.jar {lib}/ext/sunjce_provider.jar",
        "java.security of Java 8 lists com.sun.crypto.provider.SunJCE",
    ),
    _row("TLS in a jar", _TLS, "{lib}/jsse.jar", "sun.security.ssl of Java 8"),
    _row(
        "trusted certificates",
        "javax/net/ssl/TrustManagerFactory javax/net/ssl/SSLContext javax/net/ssl/HttpsURLConnection "
        "javax/net/ssl/SSLSocketFactory java/net/http/HttpClient java/security/cert/PKIXParameters "
        "javax/naming/ldap/StartTlsResponse",
        "{lib}/security/jssecacerts {lib}/security/cacerts",
        "sun.security.ssl.TrustStoreManager: jssecacerts, else cacerts",
        EdgeKind.TRUSTS,
    ),
    _row(
        "management",
        "java/lang/management/ManagementFactory com/sun/management/",
        "{native}/libmanagement.so {native}/libmanagement_ext.so",
        "sun.management.ManagementFactoryHelper; com.sun.management.internal.PlatformMBeanProviderImpl",
    ),
    _row(
        "logging",
        "java/util/logging/ java/lang/System$Logger java/lang/System.getLogger",
        "{conf}/logging.properties",
        "java.util.logging.LogManager.readConfiguration",
    ),
    _row(
        "network",
        "java/net/Socket java/net/ServerSocket java/net/DatagramSocket java/net/MulticastSocket java/net/InetAddress "
        "java/net/InetSocketAddress java/net/NetworkInterface java/net/HttpURLConnection java/net/http/ "
        "com/sun/net/httpserver/ java/nio/channels/",
        "{native}/libnet.so {native}/libnio.so",
        "java.net.InetAddress and sun.nio.ch.IOUtil load them",
    ),
    _row(
        "proxies",
        "java/net/HttpURLConnection java/net/URLConnection java/net/URL.openConnection java/net/URL.openStream "
        "java/net/http/ java/net/ProxySelector",
        "{conf}/net.properties",
        "sun.net.NetProperties",
    ),
    _row("files", "java/nio/file/Files java/nio/channels/FileChannel", "{native}/libnio.so", "sun.nio.fs"),
    _row("compression", "java/util/zip/ java/util/jar/", "{native}/libzip.so", "java.util.zip.Inflater"),
    _row("preferences", "java/util/prefs/", "{native}/libprefs.so", "java.util.prefs.FileSystemPreferences"),
    _row(
        "processes",
        "java/lang/ProcessBuilder java/lang/Runtime.exec",
        "{lib}/jspawnhelper {native}/jspawnhelper",
        "java.lang.ProcessImpl: POSIX_SPAWN by way of this helper since Java 13",
        EdgeKind.EXECUTES,
    ),
    _row(
        "images",
        "java/awt/ javax/imageio/ javax/swing/",
        "{native}/libawt.so {native}/libawt_headless.so {lib}/headless/libawt_headless.so",
        "java.awt.Toolkit.loadLibraries",
    ),
    _row(
        "codecs of images",
        "javax/imageio/ java/awt/image/",
        "{native}/libjavajpeg.so {native}/libjpeg.so {native}/liblcms.so {native}/libmlib_image.so",
        "com.sun.imageio.plugins.jpeg; sun.java2d.cmm.lcms; sun.awt.image.ImagingLib",
    ),
    _row(
        "fonts",
        "java/awt/Font java/awt/FontMetrics java/awt/Graphics java/awt/Graphics2D java/awt/font/ javax/swing/",
        "{native}/libfontmanager.so {native}/libfreetype.so {lib}/fontconfig.bfc {lib}/psfontj2d.properties "
        "{conf}/psfontj2d.properties /etc/fonts/fonts.conf",
        "sun.font.FontManagerNativeLibrary; sun.font.FontConfigManager asks fontconfig",
    ),
    _row(
        "sound",
        "javax/sound/",
        "{native}/libjsound.so {native}/libjsoundalsa.so {conf}/sound.properties",
        "com.sun.media.sound.Platform",
    ),
    _row("RMI", "java/rmi/server/ java/rmi/registry/ javax/management/remote/rmi/", "{native}/librmi.so", "sun.rmi"),
    _row("attaching", "com/sun/tools/attach/", "{native}/libattach.so", "sun.tools.attach.VirtualMachineImpl"),
    _row(
        "flight recorder",
        "jdk/jfr/Configuration",
        "{lib}/jfr/*.jfc",
        "jdk.jfr.internal.SecuritySupport.getPredefinedJFCFiles",
    ),
    _row("SCTP", "com/sun/nio/sctp/", "{native}/libsctp.so", "sun.nio.ch.sctp.SctpChannelImpl"),
    _row("smart cards", "javax/smartcardio/", "{native}/libj2pcsc.so", "sun.security.smartcardio.PlatformPCSC"),
    _row(
        "Kerberos",
        "org/ietf/jgss/ javax/security/auth/kerberos/ com/sun/security/jgss/",
        "{native}/libj2gss.so /etc/krb5.conf",
        "sun.security.krb5.Config; sun.security.jgss.wrapper.SunNativeProvider",
    ),
    _row("logins", "com/sun/security/auth/module/", "{native}/libjaas.so {native}/libjaas_unix.so", "UnixSystem"),
    _row(
        "permissions",
        "java/lang/System.setSecurityManager java/security/Policy",
        "{conf}/security/java.policy {lib}/security/default.policy",
        "sun.security.provider.PolicyFile",
    ),
    _row(
        "types of files",
        "java/nio/file/Files.probeContentType",
        "/etc/mime.types",
        "sun.nio.fs.MimeTypesFileTypeDetector",
    ),
    _row(
        "types of content",
        "java/net/URLConnection.guessContentTypeFromName java/net/URLConnection.getFileNameMap",
        "{lib}/content-types.properties",
        "sun.net.www.MimeTable of Java 8",
    ),
    _row(
        "locales in a jar",
        "java/util/Locale.forLanguageTag java/util/Locale.<init>",
        "{lib}/ext/localedata.jar",
        "sun.util.locale.provider of Java 8",
    ),
    _row("scripts", "javax/script/", "{lib}/ext/nashorn.jar", "jdk.nashorn of Java 8"),
)

OPTIONS: Final = (
    (
        "-Dcom.sun.management.jmxremote",
        _row(
            "remote management",
            "",
            "{conf}/management/management.properties {conf}/management/jmxremote.access {lib}/management/*.properties "
            "{lib}/management/jmxremote.access {native}/libmanagement.so {native}/libmanagement_ext.so "
            "{native}/libmanagement_agent.so {native}/librmi.so",
            "jdk.internal.agent.Agent",
        ),
    ),
    (
        "-javaagent:",
        _row("agents", "", "{native}/libinstrument.so", "java.instrument: JPLIS agent, -javaagent is an -agentlib"),
    ),
    (
        "-agentlib:jdwp",
        _row("debugger", "", "{native}/libjdwp.so {native}/libdt_socket.so {native}/libnpt.so", "jdk.jdwp.agent"),
    ),
    ("-Xrunjdwp", _row("debugger", "", "{native}/libjdwp.so {native}/libdt_socket.so", "jdk.jdwp.agent")),
    ("-agentlib:hprof", _row("profiler", "", "{native}/libhprof.so {lib}/jvm.hprof.txt", "hprof of Java 8")),
    ("-XX:StartFlightRecording", _row("flight recorder", "", "{lib}/jfr/*.jfc", "jdk.jfr.internal.dcmd.DCmdStart")),
    (
        "-Djava.security.manager",
        _row(
            "permissions",
            "",
            "{conf}/security/java.policy {lib}/security/default.policy",
            "sun.security.provider.PolicyFile",
        ),
    ),
)
"""Options of the start command, by how they begin."""


def by_use() -> tuple[dict[str, list[Facility]], dict[str, list[Facility]]]:
    """The facilities by class or method, and by package."""
    exact: dict[str, list[Facility]] = {}
    packages: dict[str, list[Facility]] = {}
    for facility in FACILITIES:
        for use in facility.uses:
            (packages if use.endswith("/") else exact).setdefault(use, []).append(facility)
    return exact, packages
