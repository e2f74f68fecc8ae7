"""Controlled tags of indicator sets: which harm, and which capability of a national response it serves.

Words are added here and never removed or renamed, because published documents hold them for ever. They are
no part of `indicator-set.v1.json`, so that a new word needs no new document version.
"""

from enum import StrEnum
from typing import Self


class Tag(StrEnum):
    """A word with what it means."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        word = str.__new__(cls, value)
        word._value_ = value
        word.meaning = meaning
        return word


class HarmType(Tag):
    """What harm an indicator, a typology or a set is about."""

    ONLINE_CHILD_SEXUAL_EXPLOITATION = (
        "online-child-sexual-exploitation",
        "Sexual exploitation or abuse of children that happens or is arranged online.",
    )
    LIVE_STREAMED_ABUSE = (
        "live-streamed-abuse-of-children",
        "Abuse of children that is paid for or directed from afar and transmitted live.",
    )
    CHILD_SEXUAL_ABUSE_MATERIAL = (
        "child-sexual-abuse-material",
        "Making, having or passing on material that shows the sexual abuse of children.",
    )
    SYNTHETIC_MATERIAL = (
        "synthetic-child-sexual-abuse-material",
        "Such material made or altered by generative tools.",
    )
    GROOMING = (
        "grooming-of-children",
        "Winning the trust of a child in order to abuse or exploit it.",
    )
    SEXUAL_EXTORTION = (
        "sexual-extortion-of-children",
        "Threats against a child to obtain more material or contact.",
    )
    FINANCIAL_SEXUAL_EXTORTION = (
        "financial-sexual-extortion",
        "Threats to publish intimate material, real or made up, in order to obtain money.",
    )
    TRAVELLING_OFFENDERS = (
        "sexual-exploitation-of-children-in-travel",
        "Travel with the aim of exploiting children elsewhere.",
    )
    CHILD_TRAFFICKING = (
        "child-trafficking",
        "Recruiting, moving or keeping a child for exploitation of any kind.",
    )
    TRAFFICKING_LABOUR = (
        "human-trafficking-labour",
        "Trafficking in persons for forced labour or services.",
    )
    TRAFFICKING_SEXUAL_EXPLOITATION = (
        "human-trafficking-sexual-exploitation",
        "Trafficking in persons for sexual exploitation.",
    )
    FORCED_CRIMINALITY = (
        "human-trafficking-forced-criminality",
        "Trafficking in persons who are made to commit offences, for example online fraud.",
    )
    CHILD_CRIMINAL_EXPLOITATION = (
        "child-criminal-exploitation",
        "Making a child commit offences for the gain of others.",
    )
    PROCEEDS = (
        "laundering-of-exploitation-proceeds",
        "Hiding or moving what exploitation has earned.",
    )


class Area(Tag):
    """The six areas of the Model National Response (WeProtect Global Alliance)."""

    POLICY = "policy-and-governance", "Policy and governance"
    JUSTICE = "criminal-justice", "Criminal justice"
    VICTIM = "victim", "Support and empowerment of victims and survivors"
    SOCIETY = "societal", "Society"
    INDUSTRY = "industry", "Industry"
    MEDIA = "media-and-communications", "Media and communications"


class Capability(Tag):
    """The 21 capabilities of the Model National Response, in its order (edition of November 2016).

    Our words for what each is about; the model itself says how it is built up.
    """

    area: Area

    def __new__(cls, value: str, meaning: str, area: Area) -> Self:
        word = str.__new__(cls, value)
        word._value_ = value
        word.meaning = meaning
        word.area = area
        return word

    LEADERSHIP = (
        "leadership",
        "A national body that leads and oversees the response.",
        Area.POLICY,
    )
    RESEARCH = (
        "research-analysis-and-monitoring",
        "Knowing the threat, and whether the response works.",
        Area.POLICY,
    )
    LEGISLATION = (
        "legislation",
        "Law that protects children and meets international standards.",
        Area.POLICY,
    )
    DEDICATED_LAW_ENFORCEMENT = (
        "dedicated-law-enforcement",
        "Investigators with the remit, training and tools for it.",
        Area.JUSTICE,
    )
    JUDICIARY_AND_PROSECUTORS = (
        "judiciary-and-prosecutors",
        "Courts and prosecutors trained for it and centred on the child.",
        Area.JUSTICE,
    )
    OFFENDER_MANAGEMENT = (
        "offender-management-process",
        "Managing convicted offenders so that they do not offend again.",
        Area.JUSTICE,
    )
    IMAGE_DATABASES = (
        "access-to-image-databases",
        "Law enforcement uses national and international image databases.",
        Area.JUSTICE,
    )
    END_TO_END_SUPPORT = (
        "end-to-end-support",
        "Support for victims and survivors from the first contact on.",
        Area.VICTIM,
    )
    CHILD_PROTECTION_WORKFORCE = (
        "child-protection-workforce",
        "People who work with children are trained and enough.",
        Area.VICTIM,
    )
    REMEDIES = (
        "compensation-remedies-and-complaints",
        "Children can complain and obtain compensation and remedies.",
        Area.VICTIM,
    )
    CHILD_HELPLINE = (
        "child-helpline",
        "A helpline that children can reach.",
        Area.VICTIM,
    )
    HOTLINE = (
        "csea-hotline",
        "A hotline to which the public reports suspected material.",
        Area.SOCIETY,
    )
    EDUCATION = (
        "education-programme",
        "Education of children, parents and professionals.",
        Area.SOCIETY,
    )
    CHILD_PARTICIPATION = (
        "child-participation",
        "Children have a say in what is done for their protection.",
        Area.SOCIETY,
    )
    OFFENDER_SUPPORT = (
        "offender-support-systems",
        "Help for those who might offend, before anybody is harmed.",
        Area.SOCIETY,
    )
    TAKEDOWN = (
        "notice-and-takedown-procedures",
        "Reported material is removed or blocked quickly.",
        Area.INDUSTRY,
    )
    INDUSTRY_REPORTING = (
        "csea-reporting",
        "Companies report what they find, and are protected when they do.",
        Area.INDUSTRY,
    )
    INNOVATIVE_SOLUTIONS = (
        "innovative-solution-development",
        "Industry develops new ways to prevent and find it.",
        Area.INDUSTRY,
    )
    CORPORATE_RESPONSIBILITY = (
        "corporate-social-responsibility",
        "Companies build child protection into how they work.",
        Area.INDUSTRY,
    )
    MEDIA_REPORTING = (
        "ethical-and-informed-media-reporting",
        "Media report with care for those who were harmed.",
        Area.MEDIA,
    )
    UNIVERSAL_TERMINOLOGY = (
        "universal-terminology",
        "The same terms are used everywhere, and none that harms.",
        Area.MEDIA,
    )
