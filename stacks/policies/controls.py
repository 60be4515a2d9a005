"""The controls of GDPR, HIPAA and SOC 2 that policies serve, each by its own number and words.

Sources: Regulation (EU) 2016/679 (https://eur-lex.europa.eu/eli/reg/2016/679/oj); HIPAA Security Rule, 45 CFR part 164
subpart C (https://www.ecfr.gov/current/title-45/subtitle-A/subchapter-C/part-164/subpart-C); AICPA Trust Services
Criteria of 2017 with the points of focus of 2022 (TSP section 100). That a policy serves a control does not make a
stack compliant with it: what people and processes must do is no resource's property.
"""

from collections.abc import Mapping
from enum import StrEnum


class Framework(StrEnum):
    """A set of controls."""

    GDPR = "GDPR"
    HIPAA = "HIPAA"
    SOC_2 = "SOC 2"


class Control(StrEnum):
    """One control by its number; `framework` and `words` tell whose it is and what it asks for."""

    GDPR_STORAGE_LIMITATION = "GDPR Art. 5(1)(e)"
    GDPR_INTEGRITY = "GDPR Art. 5(1)(f)"
    GDPR_ACCOUNTABILITY = "GDPR Art. 5(2)"
    GDPR_BY_DEFAULT = "GDPR Art. 25(2)"
    GDPR_ENCRYPTION = "GDPR Art. 32(1)(a)"
    GDPR_RESILIENCE = "GDPR Art. 32(1)(b)"
    GDPR_RESTORE = "GDPR Art. 32(1)(c)"
    GDPR_BREACH = "GDPR Art. 33(1)"
    HIPAA_ACTIVITY_REVIEW = "HIPAA 164.308(a)(1)(ii)(D)"
    HIPAA_MALICIOUS_SOFTWARE = "HIPAA 164.308(a)(5)(ii)(B)"
    HIPAA_BACKUP_PLAN = "HIPAA 164.308(a)(7)(ii)(A)"
    HIPAA_ACCOUNTABILITY = "HIPAA 164.310(d)(2)(iii)"
    HIPAA_ACCESS = "HIPAA 164.312(a)(1)"
    HIPAA_UNIQUE_USER = "HIPAA 164.312(a)(2)(i)"
    HIPAA_ENCRYPTION = "HIPAA 164.312(a)(2)(iv)"
    HIPAA_AUDIT = "HIPAA 164.312(b)"
    HIPAA_INTEGRITY = "HIPAA 164.312(c)(1)"
    HIPAA_AUTHENTICATION = "HIPAA 164.312(d)"
    HIPAA_TRANSMISSION = "HIPAA 164.312(e)(1)"
    HIPAA_TRANSMISSION_ENCRYPTION = "HIPAA 164.312(e)(2)(ii)"
    SOC2_AVAILABILITY_CAPACITY = "SOC 2 A1.1"
    SOC2_AVAILABILITY_BACKUP = "SOC 2 A1.2"
    SOC2_CONFIDENTIAL = "SOC 2 C1.1"
    SOC2_DISPOSAL = "SOC 2 C1.2"
    SOC2_LOGICAL_ACCESS = "SOC 2 CC6.1"
    SOC2_CREDENTIALS = "SOC 2 CC6.2"
    SOC2_LEAST_PRIVILEGE = "SOC 2 CC6.3"
    SOC2_BOUNDARIES = "SOC 2 CC6.6"
    SOC2_TRANSMISSION = "SOC 2 CC6.7"
    SOC2_UNAUTHORIZED_SOFTWARE = "SOC 2 CC6.8"
    SOC2_DETECTION = "SOC 2 CC7.1"
    SOC2_MONITORING = "SOC 2 CC7.2"
    SOC2_CHANGES = "SOC 2 CC8.1"

    @property
    def framework(self) -> Framework:
        """Return the framework that the number belongs to."""
        return next(it for it in Framework if self.value.startswith(it.value))

    @property
    def words(self) -> str:
        """Return what the control asks for, in the words of its source, shortened."""
        return _WORDS[self]


_WORDS: Mapping[Control, str] = {
    Control.GDPR_STORAGE_LIMITATION: "kept for no longer than is necessary (storage limitation)",
    Control.GDPR_INTEGRITY: "appropriate security of the personal data (integrity and confidentiality)",
    Control.GDPR_ACCOUNTABILITY: "be able to demonstrate compliance (accountability)",
    Control.GDPR_BY_DEFAULT: "by default not made accessible to an indefinite number of natural persons",
    Control.GDPR_ENCRYPTION: "the pseudonymisation and encryption of personal data",
    Control.GDPR_RESILIENCE: "ongoing confidentiality, integrity, availability and resilience of processing systems",
    Control.GDPR_RESTORE: "restore the availability and access to personal data in a timely manner",
    Control.GDPR_BREACH: "notify a breach within 72 hours, which takes noticing it",
    Control.HIPAA_ACTIVITY_REVIEW: "information system activity review",
    Control.HIPAA_MALICIOUS_SOFTWARE: "protection from malicious software",
    Control.HIPAA_BACKUP_PLAN: "data backup plan",
    Control.HIPAA_ACCOUNTABILITY: "accountability",
    Control.HIPAA_ACCESS: "access control",
    Control.HIPAA_UNIQUE_USER: "unique user identification",
    Control.HIPAA_ENCRYPTION: "encryption and decryption",
    Control.HIPAA_AUDIT: "audit controls",
    Control.HIPAA_INTEGRITY: "integrity: no improper alteration or destruction",
    Control.HIPAA_AUTHENTICATION: "person or entity authentication",
    Control.HIPAA_TRANSMISSION: "transmission security",
    Control.HIPAA_TRANSMISSION_ENCRYPTION: "encryption of what is transmitted",
    Control.SOC2_AVAILABILITY_CAPACITY: "maintains, monitors and evaluates processing capacity",
    Control.SOC2_AVAILABILITY_BACKUP: "data backup processes and recovery infrastructure",
    Control.SOC2_CONFIDENTIAL: "identifies and maintains confidential information",
    Control.SOC2_DISPOSAL: "disposes of confidential information",
    Control.SOC2_LOGICAL_ACCESS: "logical access security over protected information assets",
    Control.SOC2_CREDENTIALS: "registers and authorizes users before issuing credentials",
    Control.SOC2_LEAST_PRIVILEGE: "least privilege and segregation of duties",
    Control.SOC2_BOUNDARIES: "protects against threats from outside the system boundaries",
    Control.SOC2_TRANSMISSION: "restricts and protects the transmission of information",
    Control.SOC2_UNAUTHORIZED_SOFTWARE: "prevents or detects unauthorized or malicious software",
    Control.SOC2_DETECTION: "detects changes to configurations that introduce vulnerabilities",
    Control.SOC2_MONITORING: "monitors system components for anomalies",
    Control.SOC2_CHANGES: "authorizes, tests and implements changes",
}
